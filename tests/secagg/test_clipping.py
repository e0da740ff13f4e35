"""The clip follows its quantile, and counts travel through any ring."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg import FixedPoint, OverflowRefusedError, ProtocolError, TamperedError
from secagg.clipping import AdaptiveClip, ClipCounter


def steered(clip, rounds, spread, clients=10, length=500):
    """The clips of the last rounds, where clients hold normal values and count through the ring."""
    rng, clips = np.random.default_rng(3), []
    for _ in range(rounds):
        encoding = FixedPoint(clip.clip, clients, 1)
        counter = ClipCounter(encoding, length)
        vectors = rng.normal(0, spread, (clients, length)).astype(np.float32)
        rings = [encoding.encode(x, 1, [counter.encode(encoding.clipped(x))]) for x in vectors]
        total = encoding.decode(reduce(np.add, rings), counters=1)
        clip = clip.after(counter.decode(total[-1], clients), clients * length)
        clips.append(clip.clip)
    return clips[-20:]


# Quantiles of |N(0, 1)|.
@pytest.mark.parametrize(
    ("target", "rate", "quantile"), [(0.5, 0.2, 0.6745), (0.9, 0.2, 1.6449), (0.99, 1.0, 2.5758)]
)
@pytest.mark.parametrize("start", [1e-3, 40.0])
def test_the_clip_converges_to_the_target_quantile(target, rate, quantile, start):
    last = steered(AdaptiveClip(start, target, rate), 300, spread=2.0)
    assert np.mean(last) == pytest.approx(2.0 * quantile, rel=0.03)


def test_another_target_is_told_apart():
    last = steered(AdaptiveClip(1.0, 0.8), 300, spread=2.0)
    assert np.mean(last) != pytest.approx(2.0 * 1.6449, rel=0.03)


@pytest.mark.parametrize(
    ("clipped", "factor"), [(0, np.exp(-0.1)), (50, 1.0), (100, np.exp(0.1))], ids=["none", "half", "all"]
)
def test_one_step_is_the_papers(clipped, factor):
    assert AdaptiveClip(2.0).after(clipped, 100).clip == pytest.approx(2.0 * factor, rel=1e-12)


@given(st.integers(0, 100))
def test_the_clip_stays_in_its_range(clipped):
    after = AdaptiveClip(1.0, 0.5, 100.0, minimum=0.5, maximum=2.0).after(clipped, 100)
    assert 0.5 <= after.clip <= 2.0
    assert after.after(clipped, 100).learning_rate == 100.0


@pytest.mark.parametrize(("clipped", "total"), [(-1, 10), (11, 10)])
def test_impossible_counts_are_refused(clipped, total):
    with pytest.raises(TamperedError, match="cannot be clipped"):
        AdaptiveClip(1.0).after(clipped, total)


def test_an_empty_round_moves_nothing():
    with pytest.raises(ProtocolError, match="keep the clip"):
        AdaptiveClip(1.0).after(0, 0)


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"clip": 0.0}, "widen the range"),
        ({"clip": float("nan")}, "widen the range"),
        ({"clip": 2e6}, "widen the range"),
        ({"clip": 1.0, "minimum": 0.0}, "widen the range"),
        ({"clip": 1.0, "maximum": float("inf")}, "widen the range"),
        ({"clip": 1.0, "target_unclipped": 1.1}, "0 to 1"),
        ({"clip": 1.0, "target_unclipped": float("nan")}, "0 to 1"),
        ({"clip": 1.0, "learning_rate": 0.0}, "use 0.2"),
        ({"clip": 1.0, "learning_rate": float("inf")}, "use 0.2"),
    ],
    ids=str,
)
def test_fields_out_of_range_are_refused(fields, advice):
    with pytest.raises(OverflowRefusedError, match=advice):
        AdaptiveClip(**fields)


@given(st.integers(8, 64), st.integers(1, 127), st.integers(1, 10**7), st.data())
def test_sums_of_counters_never_wrap(bits, clients, most, data):
    counter = ClipCounter(FixedPoint(1.0, clients, 1, bits, bits=2), most)
    count = data.draw(st.integers(0, most))
    assert counter.encode(count, lambda n: n - 1) * clients < 2 ** (bits - 1)
    assert counter.encode(count, lambda n: 0) == count // counter.unit
    decoded = counter.decode(clients * counter.encode(count, lambda n: 0), clients)
    assert 0 <= clients * count - decoded < clients * counter.unit


def test_a_large_ring_counts_exactly():
    counter = ClipCounter(FixedPoint(1.0, 1000, 1), 10**6)
    assert counter.unit == 1
    assert counter.decode(1000 * counter.encode(10**6), 1000) == 10**9


def test_rounding_of_counts_is_unbiased():
    counter = ClipCounter(FixedPoint(1.0, 100, 1, 8, bits=2), 1000)
    assert counter.unit == 1000
    rng = np.random.default_rng(5)
    ones = sum(counter.encode(300, lambda n: int(rng.integers(n))) for _ in range(4000))
    assert abs(ones / 4000 - 0.3) < 4 * np.sqrt(0.21 / 4000)


def test_an_indicator_is_one_bit():
    counter = ClipCounter(FixedPoint(1.0, 100, 1, 8, bits=2), 1)
    assert [counter.encode(0), counter.encode(1)] == [0, 1]


@pytest.mark.parametrize("count", [-1, 8])
def test_counts_out_of_range_are_refused(count):
    with pytest.raises(ProtocolError, match="one vector"):
        ClipCounter(FixedPoint(1.0, 3, 1), 7).encode(count)


@pytest.mark.parametrize("total", [-1.0, 22.0])
def test_sums_that_honest_clients_cannot_have_are_refused(total):
    with pytest.raises(TamperedError, match="new round"):
        ClipCounter(FixedPoint(1.0, 3, 1), 7).decode(total, 3)


def test_a_counter_of_nothing_is_refused():
    with pytest.raises(OverflowRefusedError, match="raise most"):
        ClipCounter(FixedPoint(1.0, 3, 1), 0)
