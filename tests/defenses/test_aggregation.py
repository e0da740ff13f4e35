"""Secure aggregation: sums exact on the ring, dropouts, and floors that hold."""

import numpy as np
import pytest

import secagg
from gradveil.defenses import DefenseError, Identity, SecureAggregation
from gradveil.exchange import Clear, GradveilError, Layout, Sealed, Update, Upload
from secagg import AbortedError

LAYOUT = Layout(("a", "b"), ((30,), (5, 4)))
CLIENTS = ("ann", "bob", "cid", "dan", "eva")
WEIGHTS = (1, 2, 5, 7, 16)
RING = secagg.FixedPoint(clip=8.0, max_clients=len(CLIENTS), max_weight=16)


def updates(scale=1.0):
    vectors = np.random.default_rng(1).normal(0, scale, (len(CLIENTS), LAYOUT.size)).astype(np.float32)
    rows = zip(CLIENTS, vectors, WEIGHTS, strict=True)
    return {name: Update(LAYOUT, vector, weight) for name, vector, weight in rows}


def opened(clients=CLIENTS):
    return SecureAggregation().open(clients, LAYOUT, np.random.default_rng(0))


def uploads_in(session, clients=CLIENTS):
    return [session.protect(name, updates()[name]) for name in clients]


def total(download):
    (part,) = download.parts
    return part.values


def exact(clients):
    """The sum as Python integers make it, from the rounded values."""
    rows = [
        RING.encode(updates()[name].vector, updates()[name].weight).view("<i4").tolist() for name in clients
    ]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return np.array([*(entry * RING.step for entry in sums[:-1]), sums[-1]]).astype(np.float32)


@pytest.mark.parametrize("missing", [(), ("bob",), ("eva",)])
def test_the_sum_over_the_survivors_is_exact(missing):
    survivors = [name for name in CLIENTS if name not in missing]
    session = opened()
    download = session.aggregate(uploads_in(session, survivors))
    assert total(download).tobytes() == exact(survivors).tobytes()
    assert download.clients == set(survivors)


def test_a_masked_upload_is_sealed_as_a_whole():
    (part,) = uploads_in(opened())[0].parts
    assert isinstance(part, Sealed)
    assert part.coords.tolist() == list(range(LAYOUT.wire_size))


def test_masks_differ_from_round_to_round():
    first, second = (uploads_in(opened())[0].parts[0].payload for _ in range(2))
    assert first != second


def test_encoded_values_do_not_appear_in_a_masked_upload():
    session = opened()
    for name, upload in zip(CLIENTS, uploads_in(session), strict=True):
        ring = RING.encode(updates()[name].vector, updates()[name].weight).tobytes()
        windows = [ring[start : start + 8] for start in range(0, len(ring) - 8, 4)]
        assert not any(window in upload.to_bytes() for window in windows)


def test_fewer_survivors_than_the_threshold_are_refused():
    session = opened()
    with pytest.raises(AbortedError):
        session.aggregate(uploads_in(session, CLIENTS[:3]))


@pytest.mark.parametrize("count", [1, 2])
def test_a_round_of_too_few_clients_does_not_open(count):
    with pytest.raises(AbortedError):
        opened(CLIENTS[:count])


def test_a_client_masks_once():
    session = opened()
    session.protect("ann", updates()["ann"])
    with pytest.raises(GradveilError):
        session.protect("ann", updates()["ann"])


def test_an_upload_of_another_round_is_refused():
    session = opened()
    stale = uploads_in(opened())[0]
    with pytest.raises(secagg.ProtocolError):
        session.aggregate([stale, *uploads_in(session)[1:]])


def test_an_upload_of_another_defense_is_refused_by_name():
    session = opened()
    plain = Identity().open(CLIENTS, LAYOUT, np.random.default_rng(0)).protect("ann", updates()["ann"])
    with pytest.raises(DefenseError, match="'ann' sent no masked input"):
        session.aggregate([plain, *uploads_in(session)[1:]])


def test_an_upload_with_a_part_too_many_is_refused_by_name():
    session = opened()
    uploads = uploads_in(session)
    nothing = Clear(np.empty(0, np.int64), np.empty(0, np.float32))
    uploads[0] = Upload("ann", LAYOUT, (*uploads[0].parts, nothing))
    with pytest.raises(GradveilError, match="'ann'"):
        session.aggregate(uploads)


def test_a_masked_input_of_somebody_else_is_refused():
    session = opened()
    uploads = uploads_in(session)
    stolen = Upload("bob", LAYOUT, uploads[0].parts)
    with pytest.raises(GradveilError, match="bob"):
        session.aggregate([stolen, *uploads[2:]])


def test_values_beyond_the_clip_are_clipped():
    session = opened(CLIENTS[:3])
    loud = [Update(LAYOUT, np.full(LAYOUT.size, 100, np.float32), 1) for _ in range(3)]
    uploads = [session.protect(name, update) for name, update in zip(CLIENTS[:3], loud, strict=True)]
    np.testing.assert_allclose(session.recover(session.aggregate(uploads)).vector, 8.0)


def test_a_weight_beyond_the_bound_is_refused():
    with pytest.raises(secagg.OverflowRefusedError, match="max_weight"):
        opened().protect("ann", Update(LAYOUT, updates()["ann"].vector, 17))


def test_the_transcript_holds_what_passed_besides_uploads():
    session = opened()
    uploads = uploads_in(session)
    session.aggregate(uploads)
    masked = {upload.parts[0].payload for upload in uploads}
    payloads = [message.payload for message in session.transcript]
    assert masked.isdisjoint(payloads)
    senders = {message.sender for message in session.transcript}
    assert senders == {*CLIENTS, "server"}


def test_the_claim_names_the_adversary():
    assert "honest-but-curious" in SecureAggregation().claim
