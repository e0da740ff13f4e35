"""What holds for every defense before the wire, alone and in chains."""

from itertools import permutations

import numpy as np
import pytest

from gradveil.defenses import (
    Censor,
    Chain,
    ClippedNoise,
    ConcealedSamples,
    DefenseError,
    Gaussian,
    MixUp,
    Point,
    PrivateGradient,
    SecureAggregation,
    Sign,
    Soteria,
    Stages,
    TopK,
    Uniform,
    chain,
    identity,
    parts_of,
)
from gradveil.exchange import Clear, Download, Upload, weighted_mean
from tests.laws.clients import CASES, MODEL, NAMES, batch, client, clients, still

DENSE = 4 * MODEL.layout.size


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def made(request):
    """A row of the table of defenses before the wire."""
    return request.param


def played(defense, updates):
    """Uploads, download and recovered mean of a round at the defense's wire."""
    session = Stages.of(defense).open(NAMES, MODEL.layout, np.random.default_rng(0))
    uploads = [session.protect(name, update) for name, update in updates.items()]
    download = session.aggregate(uploads)
    return uploads, download, session.recover(download)


def test_identity_changes_no_defense(made):
    assert chain(identity, made.defense) == made.defense == chain(made.defense, identity)
    assert chain(made.defense) == made.defense


def test_nothing_is_identity():
    assert chain() == identity == chain(identity, identity)


@pytest.mark.parametrize(
    "parts", [(MixUp(), TopK(0.1), Gaussian(0.1)), (Soteria(), Sign(), SecureAggregation())]
)
def test_chains_are_associative(parts):
    first, second, third = parts
    assert chain(chain(first, second), third) == chain(first, chain(second, third)) == chain(*parts)
    assert parts_of(chain(*parts)) == parts


def test_parts_act_in_one_order_only():
    parts = (MixUp(), TopK(0.1), SecureAggregation())
    for order in permutations(parts):
        if order == parts:
            assert [part.point for part in parts_of(chain(*order))] == [Point.BATCH, Point.UPDATE, Point.WIRE]
        else:
            with pytest.raises(DefenseError, match="in the order batch, model, update, wire; swap them"):
                chain(*order)


def test_only_one_defense_acts_at_the_wire():
    with pytest.raises(DefenseError, match="only one defense can act at the wire"):
        chain(Gaussian(0.1), SecureAggregation())


@pytest.mark.parametrize("late", [Soteria(), PrivateGradient(1.0, 1.0), Censor(), ConcealedSamples()])
def test_what_starts_anew_comes_first(late):
    assert parts_of(chain(late, TopK(0.1)))[0] == late
    with pytest.raises(DefenseError, match="starts anew from the batch; put it first"):
        chain(TopK(0.1), late)


def test_a_chain_carries_what_its_parts_say():
    both = chain(ClippedNoise(2.0, 0.5), TopK(0.1))
    assert isinstance(both, Chain)
    assert both.name == "clipped_noise+top_k"
    assert both.knobs == {
        "clipped_noise.clip": 2.0,
        "clipped_noise.multiplier": 0.5,
        "clipped_noise.distribution": "normal",
        "top_k.share": 0.1,
    }
    assert all(part.claim in both.claim for part in both.parts)
    assert both.noise.std == 1.0
    assert chain(ClippedNoise(3.0, 1.0), Gaussian(4.0)).noise.std == 5.0


def test_every_defense_says_what_it_promises(made):
    assert made.defense.name
    assert made.defense.claim
    assert "\n" not in made.defense.claim


def test_equal_knobs_are_equal_defenses():
    assert Uniform(4) == Uniform(4) != Uniform(5)
    assert len({TopK(0.1), TopK(0.1), TopK(0.2)}) == 2


def test_a_client_that_moves_nothing_sends_nothing_but_noise(made):
    largest = np.abs(still(made.defense).vector).max()
    noise = made.defense.noise.std if made.defense.noise else made.spread
    assert largest < 1e-6 + 12 * noise
    assert np.abs(client(made.defense, *batch("ann")).vector).max() > 1e-4


def test_the_mean_of_clients_that_move_nothing_is_nothing(made):
    if not (made.defense.noise or made.spread):
        defended = dict.fromkeys(NAMES, still(made.defense))
        assert np.abs(played(made.defense, defended)[2].vector).max() < 1e-6


def test_one_seed_gives_one_update_and_another_seed_another_where_something_is_drawn(made):
    vectors = [client(made.defense, *batch("ann"), seed).vector.tobytes() for seed in (0, 0, 1)]
    assert vectors[0] == vectors[1]
    assert (vectors[0] != vectors[2]) == made.random


def test_a_client_recovers_the_mean_of_what_was_sent(made):
    updates = clients(made.defense)
    *_, mean = played(made.defense, updates)
    np.testing.assert_allclose(mean.vector, weighted_mean(list(updates.values())).vector, atol=1e-6)


def test_any_wire_takes_what_comes(made):
    updates = clients(made.defense)
    *_, mean = played(chain(made.defense, SecureAggregation()), updates)
    np.testing.assert_allclose(mean.vector, weighted_mean(list(updates.values())).vector, atol=1e-5)


def test_what_travels_is_what_the_defense_has_left(made):
    updates = clients(made.defense)
    for upload in played(made.defense, updates)[0]:
        read = np.zeros(MODEL.layout.wire_size)
        for part in upload.parts:
            assert isinstance(part, Clear)
            read[part.coords] = part.values
        np.testing.assert_allclose(read, updates[upload.client].contribution(), atol=1e-6)


def test_messages_survive_the_wire_and_their_size_is_honest(made):
    uploads, download, _ = played(made.defense, clients(made.defense))
    for message, kind in [(uploads[0], Upload), (download, Download)]:
        again = kind.from_bytes(message.to_bytes(), MODEL.layout)
        assert again.to_bytes() == message.to_bytes()
        assert message.nbytes == len(message.to_bytes())
        for before, after in zip(message.parts, again.parts, strict=True):
            np.testing.assert_array_equal(before.coords, after.coords)
            assert before.values.tobytes() == after.values.tobytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("top-k", 0.1 * DENSE + MODEL.layout.size / 8),
        ("sign", MODEL.layout.size / 8),
        ("nearest", MODEL.layout.size),
        ("stochastic", MODEL.layout.size / 2),
        ("sparse ternary", (1 + 0.05) * MODEL.layout.size / 8),
        ("clipped", DENSE),
    ],
)
def test_fewer_bits_are_fewer_bytes(name, expected):
    """Values, or words, and a bitmap of the places; and at most 400 bytes around them."""
    upload = played(CASES[name].defense, clients(CASES[name].defense))[0][0]
    assert expected <= upload.nbytes < expected + 400
