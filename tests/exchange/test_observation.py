"""The observation is derived from the wire: readings from clear parts, the rest stays closed."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given

from gradveil.exchange import (
    Clear,
    Download,
    GaussianNoise,
    GradveilError,
    Knowledge,
    Layout,
    Observation,
    Reading,
    Sealed,
    Upload,
    observe,
    readings_of,
)
from tests.exchange.strategies import uploads

FOUR = Layout(("v",), ((4,),))
KNOWLEDGE = Knowledge("linear", "cross-entropy", classes=3, input_shape=(1, 2, 2), batch_size=8)
NOISY = replace(KNOWLEDGE, noise=GaussianNoise(0.5))
NOWHERE = np.empty(0, dtype=np.int64)


def clear(*coords):
    return Clear(np.array(coords, dtype=np.int64), np.arange(len(coords), dtype=np.float32))


def reading(*clients, noise=None):
    return Reading(frozenset(clients), np.arange(4), np.ones(4, np.float32), noise)


def seen(*readings, knowledge=KNOWLEDGE):
    return observe(FOUR, [], readings, knowledge)


@given(uploads())
def test_every_clear_coordinate_is_read_and_every_sealed_one_stays_closed(upload):
    found = observe(upload.layout, [upload], [], KNOWLEDGE)
    readable = [part for part in upload.parts if isinstance(part, Clear) and part.coords.size]
    assert [r.coords.tolist() for r in found.readings] == [part.coords.tolist() for part in readable]
    assert [r.values.tobytes() for r in found.readings] == [part.values.tobytes() for part in readable]
    assert all(r.clients == {upload.client} for r in found.readings)
    assert found.sealed == tuple(part for part in upload.parts if isinstance(part, Sealed))


@given(uploads())
def test_the_observation_is_the_same_before_and_after_the_wire(upload):
    sent = observe(upload.layout, [upload], [], KNOWLEDGE)
    received = Upload.from_bytes(upload.to_bytes(), upload.layout)
    arrived = observe(upload.layout, [received], [], KNOWLEDGE)
    assert [r.values.tobytes() for r in sent.readings] == [r.values.tobytes() for r in arrived.readings]
    assert [s.payload for s in sent.sealed] == [s.payload for s in arrived.sealed]


def test_each_reading_knows_whose_it_is():
    both = [Upload("ann", FOUR, (clear(0),)), Upload("bob", FOUR, (clear(1), clear(2)))]
    found = observe(FOUR, both, [], KNOWLEDGE)
    assert [sorted(r.clients) for r in found.readings] == [["ann"], ["bob"], ["bob"]]


def test_an_empty_clear_part_is_no_reading():
    upload = Upload("ann", FOUR, (Clear(NOWHERE, np.empty(0, np.float32)),))
    assert observe(FOUR, [upload], [], KNOWLEDGE).readings == ()


def test_released_sums_follow_the_uploads():
    upload = Upload("ann", FOUR, (clear(0), Sealed(np.arange(1, 4), "ckks", b"closed")))
    found = observe(FOUR, [upload], [reading("ann", "bob")], KNOWLEDGE)
    assert [len(r.clients) for r in found.readings] == [1, 2]
    assert [part.payload for part in found.sealed] == [b"closed"]


def test_transcript_and_knowledge_are_kept():
    found = observe(FOUR, [], [], KNOWLEDGE, [b"keys", b"shares"])
    assert (found.transcript, found.knowledge, found.rounds) == ((b"keys", b"shares"), KNOWLEDGE, 1)


def test_the_clear_parts_of_a_download_are_sums_over_its_clients():
    download = Download(
        frozenset({"ann", "bob"}), FOUR, (clear(0, 2), Sealed(np.array([1]), "ckks", b"x"), clear())
    )
    (only,) = readings_of(download)
    assert only.clients == {"ann", "bob"}
    assert only.coords.tolist() == [0, 2]


@pytest.mark.parametrize("clients", [1, 4, 9])
def test_noise_of_a_sum_grows_with_the_root_of_its_clients_times_the_batch(clients):
    (only,) = seen(reading(*map(str, range(clients))), knowledge=NOISY).readings
    assert only.noise == GaussianNoise(0.5 * 8 * clients**0.5)


def test_noise_of_the_uploads_is_that_of_one_client():
    found = observe(FOUR, [Upload("ann", FOUR, (clear(0),))], [], NOISY)
    assert found.readings[0].noise == GaussianNoise(4.0)


def test_without_known_noise_a_reading_stays_as_it_is():
    exact, noisy = reading("ann"), reading("ann", noise=GaussianNoise(3.0))
    assert [r.noise for r in seen(exact, noisy).readings] == [None, GaussianNoise(3.0)]


def test_noise_needs_a_batch():
    with pytest.raises(GradveilError, match="batch_size"):
        seen(reading("ann"), knowledge=replace(NOISY, batch_size=0))


def test_about_picks_the_smallest_group_that_holds_the_client():
    large, pair, second = reading("ann", "bob", "cem"), reading("ann", "bob"), reading("ann", "cem")
    found = seen(large, pair, second)
    assert found.about("ann") == (pair,)
    assert found.about("bob") == (pair,)
    assert found.about("cem") == (second,)


def test_about_prefers_the_client_alone():
    alone = reading("ann")
    assert seen(reading("ann", "bob"), alone).about("ann") == (alone,)


def test_about_a_stranger_is_nothing():
    assert seen(reading("ann")).about("zoe") == ()
    assert Observation(FOUR, (), (), (), KNOWLEDGE).about("ann") == ()


def test_the_record_of_knowledge_is_json_and_hides_the_labels():
    granted = replace(NOISY, labels={"ann": (1, 2)}).as_record()
    assert (granted["labels"], granted["noise"]) == ("granted", "gaussian, std 0.5")
    inferred = KNOWLEDGE.as_record()
    assert (inferred["labels"], inferred["noise"]) == ("inferred", "none")
    assert json.loads(json.dumps(granted))["batch_size"] == 8


def test_the_record_of_knowledge_shows_every_field():
    granted = replace(KNOWLEDGE, batch_norm="batch", auxiliary_data="10,000 other images").as_record()
    assert set(granted) == {field.name for field in fields(Knowledge)}
    assert (granted["batch_norm"], granted["auxiliary_data"]) == ("batch", "10,000 other images")
