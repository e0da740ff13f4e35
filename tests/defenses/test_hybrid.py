"""One round with an encrypted slice and a masked rest."""

import numpy as np
import pytest

import he
from gradveil.defenses import DefenseError, Hybrid
from gradveil.exchange import (
    Knowledge,
    Layout,
    Sealed,
    Selection,
    Update,
    observe,
    readings_of,
    weighted_mean,
)

LAYOUT = Layout(("a", "b"), ((40,), (5, 4)))
CLIENTS = ("ann", "bob", "cid", "dan", "eve")
WEIGHTS = (1, 2, 5, 3, 4)
CHOSEN = Selection(LAYOUT, np.arange(LAYOUT.size) % 3 == 0, "third")


def updates():
    vectors = np.random.default_rng(1).normal(0, 1, (len(CLIENTS), LAYOUT.size)).astype(np.float32)
    return [Update(LAYOUT, vector, weight) for vector, weight in zip(vectors, WEIGHTS, strict=True)]


def opened(params=None):
    defense = Hybrid(CHOSEN, params or he.CkksParams())
    return defense.open(CLIENTS, LAYOUT, np.random.default_rng(0))


def uploads_in(session):
    return [session.protect(name, update) for name, update in zip(CLIENTS, updates(), strict=True)]


def test_nothing_of_an_upload_is_readable_and_each_coordinate_is_sealed_once():
    upload = uploads_in(opened())[0]
    assert all(isinstance(part, Sealed) for part in upload.parts)
    assert [part.scheme for part in upload.parts] == ["ckks", "secagg"]
    assert upload.parts[0].coords.tolist() == CHOSEN.coords.tolist()
    assert upload.parts[1].coords.tolist() == [*CHOSEN.complement, LAYOUT.weight_coord]


def test_the_mean_is_that_of_all_clients():
    session = opened()
    mean = session.recover(session.aggregate(uploads_in(session)))
    assert mean.weight == sum(WEIGHTS)
    assert np.abs(mean.vector - weighted_mean(updates()).vector).max() < 1e-5


def test_a_client_that_drops_out_is_missing_from_both_parts():
    session = opened()
    mean = session.recover(session.aggregate(uploads_in(session)[:-1]))
    assert mean.weight == sum(WEIGHTS[:-1])
    assert np.abs(mean.vector - weighted_mean(updates()[:-1]).vector).max() < 1e-5


def test_the_server_reads_the_sum_of_the_masked_part_only():
    session = opened()
    uploads = uploads_in(session)
    download = session.aggregate(uploads)
    seen = observe(LAYOUT, uploads, readings_of(download), Knowledge("m", "l", 2, (1,), 1), [])
    assert [reading.clients for reading in seen.readings] == [frozenset(CLIENTS)]
    assert seen.readings[0].coords.tolist() == [*CHOSEN.complement, LAYOUT.weight_coord]


def test_sums_over_different_clients_are_refused():
    first, second = opened(), opened()
    whole = first.aggregate(uploads_in(first))
    fewer = second.aggregate(uploads_in(second)[:-1])
    from dataclasses import replace

    mixed = replace(whole, parts=(whole.parts[0], fewer.parts[1]), clients=fewer.clients)
    with pytest.raises(DefenseError, match="different clients"):
        first.recover(mixed)


@pytest.mark.parametrize("ratio", [0, 1])
def test_nothing_or_everything_selected_is_refused(ratio):
    mask = np.full(LAYOUT.size, bool(ratio))
    with pytest.raises(DefenseError, match="one protection alone"):
        Hybrid(Selection(LAYOUT, mask, "x"))


def test_the_claim_says_what_is_learned():
    claim = Hybrid(CHOSEN).claim
    assert all(words in claim for words in ("256 bits", "masked", "semi-honest", "nothing"))
