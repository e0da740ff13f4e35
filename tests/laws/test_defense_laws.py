"""What holds for every defense, whatever it protects with."""

from dataclasses import replace

import numpy as np
import pytest

from gradveil.defenses import DefenseError
from gradveil.exchange import (
    Clear,
    Download,
    LayoutMismatchError,
    Sealed,
    TooFewClientsError,
    Update,
    Upload,
    weighted_mean,
)
from tests.laws.rounds import CLIENTS, LAYOUT, OTHER_LAYOUT, errors, open_round, play, updates

WINDOW = 4


def all_readings(observation):
    return [(r.clients, r.coords.tolist(), r.values.tobytes()) for r in observation.readings]


def all_parts(message):
    """The parts of an upload or download, comparable."""
    bodies = [p.payload if isinstance(p, Sealed) else p.values.tobytes() for p in message.parts]
    kinds = [getattr(p, "scheme", None) for p in message.parts]
    return [
        (kind, p.coords.tolist(), body) for kind, p, body in zip(kinds, message.parts, bodies, strict=True)
    ]


def test_a_client_recovers_the_weighted_mean(case, played, sent):
    assert errors(played.mean, sent).max() < case.tolerance
    assert played.mean.weight == sum(update.weight for update in sent.values())


def test_the_tolerances_can_tell_a_mean_without_weights(case, played, sent):
    alike = {name: Update(LAYOUT, update.vector, 1) for name, update in sent.items()}
    assert errors(played.mean, alike).max() > 5 * case.tolerance


def test_the_order_of_uploads_does_not_matter(case, played, sent):
    backwards = play(case.build(), sent, backwards=True)
    np.testing.assert_allclose(backwards.mean.vector, played.mean.vector, atol=1e-6)
    assert backwards.download.clients == played.download.clients == set(CLIENTS)


def test_a_client_without_change_is_welcome(case, sent):
    still = sent | {"bob": Update(LAYOUT, np.zeros(LAYOUT.size, np.float32), 2)}
    assert errors(play(case.build(), still).mean, still).max() < case.tolerance


def test_a_round_without_any_change_has_no_mean(case):
    nothing = updates(scale=0.0)
    assert np.abs(play(case.build(), nothing).mean.vector).max() < case.tolerance


def test_large_and_tiny_values_survive(case):
    vector = np.resize(np.float32([4.0, -4.0, 1e-3, -1e-3, 0.0]), LAYOUT.size)
    same = {client: Update(LAYOUT, vector, 1) for client in CLIENTS}
    assert errors(play(case.build(), same).mean, same).max() < case.tolerance


def test_one_seed_gives_one_mean_and_the_same_readings(case, played, sent):
    again = play(case.build(), sent)
    assert again.mean.vector.tobytes() == played.mean.vector.tobytes()
    assert all_readings(again.observation) == all_readings(played.observation)


def test_byte_counts_do_not_vary_from_run_to_run(case, played, sent):
    assert play(case.build(), sent, seed=1).byte_counts == played.byte_counts


def test_byte_counts_do_not_depend_on_the_values(case, played):
    assert play(case.build(), updates(seed=9)).byte_counts == played.byte_counts


def test_the_wire_size_is_honest(played):
    for message in (*played.uploads, played.download):
        assert message.nbytes == len(message.to_bytes())
        body = sum(len(getattr(p, "payload", b"")) + 4 * len(getattr(p, "values", ())) for p in message.parts)
        assert message.nbytes > body


def test_messages_survive_the_wire(played):
    for upload in played.uploads:
        received = Upload.from_bytes(upload.to_bytes(), LAYOUT, upload.agreed)
        assert (received.client, all_parts(received)) == (upload.client, all_parts(upload))
    received = Download.from_bytes(played.download.to_bytes(), LAYOUT, played.download.agreed)
    assert (received.clients, all_parts(received)) == (played.download.clients, all_parts(played.download))


def test_an_upload_covers_every_coordinate_once(played):
    for upload in played.uploads:
        coords = np.concatenate([part.coords for part in upload.parts])
        assert sorted(coords) == list(range(LAYOUT.wire_size))


def test_an_update_of_another_model_is_refused_by_name(case):
    stranger = Update(OTHER_LAYOUT, np.zeros(OTHER_LAYOUT.size, np.float32), 1)
    with pytest.raises(LayoutMismatchError, match="'bob'"):
        open_round(case.build()).protect("bob", stranger)


def test_an_upload_of_another_model_is_refused_by_name(case, played):
    stranger = Upload("bob", OTHER_LAYOUT, ())
    with pytest.raises(LayoutMismatchError, match="'bob'"):
        open_round(case.build()).aggregate([played.uploads[0], stranger])


def test_a_second_upload_of_a_client_is_refused(case, sent):
    session = open_round(case.build())
    uploads = [session.protect(client, update) for client, update in sent.items()]
    with pytest.raises(DefenseError, match="uploaded twice"):
        session.aggregate([*uploads, uploads[0]])


def test_a_client_outside_the_round_cannot_protect(case, sent):
    with pytest.raises(DefenseError, match="'mallory' is not in this round"):
        open_round(case.build()).protect("mallory", sent["ann"])


def test_an_upload_from_outside_the_round_is_refused(case, sent):
    session = open_round(case.build())
    uploads = [session.protect(client, update) for client, update in sent.items()]
    with pytest.raises(DefenseError, match="not in this round"):
        session.aggregate([*uploads[1:], replace(uploads[0], client="mallory")])


def test_fewer_uploads_than_promised_are_refused(case, sent):
    defense = case.build()
    session = open_round(defense)
    few = list(sent.items())[: defense.min_clients - 1]
    with pytest.raises(TooFewClientsError, match=f"at least {defense.min_clients} uploads"):
        session.aggregate([session.protect(client, update) for client, update in few])


def test_a_client_that_drops_out_is_missing_from_the_mean_only(case, sent):
    survivors = {client: sent[client] for client in CLIENTS[1:]}
    round_ = play(case.build(), survivors)
    assert errors(round_.mean, survivors).max() < case.tolerance
    assert round_.mean.weight == weighted_mean(list(survivors.values())).weight
    assert round_.download.clients == set(survivors)


def test_what_a_client_sealed_is_not_read_of_it_alone(played):
    for upload in played.uploads:
        closed = {c for part in upload.parts if isinstance(part, Sealed) for c in part.coords.tolist()}
        alone = [r for r in played.observation.readings if r.clients == {upload.client}]
        assert closed.isdisjoint(c for reading in alone for c in reading.coords.tolist())


def test_what_a_client_left_clear_is_read_of_it(played):
    for upload in played.uploads:
        clear = [part.coords.tolist() for part in upload.parts if isinstance(part, Clear)]
        alone = [r.coords.tolist() for r in played.observation.readings if r.clients == {upload.client}]
        assert alone == clear


def test_a_reading_of_several_clients_is_their_sum(case, played, sent):
    for reading in played.observation.readings:
        total = sum(sent[client].contribution().astype(np.float64) for client in reading.clients)
        noise = case.tolerance * sum(sent[client].weight for client in reading.clients)
        np.testing.assert_allclose(reading.values, total[reading.coords], atol=noise, rtol=1e-6)


def test_readings_are_of_one_client_or_of_all(played):
    assert {len(reading.clients) for reading in played.observation.readings} <= {1, len(CLIENTS)}


def test_weights_are_read_only_in_sums_unless_nothing_is_closed(case, played):
    of_one = [r for r in played.observation.readings if len(r.clients) == 1]
    readable = {client for r in of_one if LAYOUT.weight_coord in r.coords for client in r.clients}
    assert readable == (set(CLIENTS) if case.weight_readable else set())


def windows(update, coords):
    """Bytes of a few neighbouring values, as any encoding without a cipher would carry them."""
    values = update.contribution()[coords]
    starts = range(0, len(values) - WINDOW, WINDOW)
    return [values[a : a + WINDOW].astype(kind).tobytes() for a in starts for kind in ("<f4", "<f8")]


def test_sealed_values_appear_nowhere_on_the_wire(played, sent):
    wire = b"".join([u.to_bytes() for u in played.uploads] + [m.payload for m in played.transcript])
    for upload in played.uploads:
        for part in upload.parts:
            found = [window in wire for window in windows(sent[upload.client], part.coords)]
            if isinstance(part, Sealed):
                assert not any(found)


def test_clear_values_would_be_found_on_the_wire(sent):
    for upload in [upload_in_the_clear(sent[client], client) for client in CLIENTS]:
        (part,) = upload.parts
        found = [window in upload.to_bytes() for window in windows(sent[upload.client], part.coords)]
        assert any(found)


def upload_in_the_clear(update, client):
    coords = np.arange(LAYOUT.wire_size)
    return Upload(client, LAYOUT, (Clear(coords, update.contribution()),))


def test_seconds_are_real(case, sent):
    session = open_round(case.build())
    download = session.aggregate([session.protect(client, update) for client, update in sent.items()])
    before = session.seconds.client
    session.recover(download)
    assert 0 < before <= session.seconds.client
    assert session.seconds.server > 0


def test_every_defense_says_what_it_promises(case):
    defense = case.build()
    assert defense.name
    assert defense.claim
    assert "\n" not in defense.claim
