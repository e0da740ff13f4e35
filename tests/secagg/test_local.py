"""Whole rounds: exact sums for every pattern of dropouts up to the tolerance, a clear end beyond it."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.exchange import TooFewClientsError
from secagg import FixedPoint, LocalRound, ProtocolError, TooFewSharesError, default_threshold
from secagg.local import SERVER
from tests.secagg.rounds import CONTEXT, ENCODING, LENGTH, exact_sum, vector, weight

STAY, BEFORE_SHARING, BEFORE_MASKING, BEFORE_UNMASKING = range(4)
NAMES = ("ann", "bob", "cid", "dan", "eva")


def leaving(pattern, moment):
    return [name for name, when in zip(NAMES, pattern, strict=False) if when == moment]


def new_round(count, **changes):
    return LocalRound(NAMES[:count], ENCODING, LENGTH, context=CONTEXT, **changes)


def play(run, pattern):
    """Run to the end; clients leave at the moments of the pattern."""
    run.share_keys(absent=leaving(pattern, BEFORE_SHARING))
    for name in leaving(pattern, STAY) + leaving(pattern, BEFORE_UNMASKING):
        run.submit(run.mask(name, vector(name), weight(name)))
    return run.unmask(absent=leaving(pattern, BEFORE_UNMASKING))


def expected_end(pattern):
    """The error a pattern must end in, or None; from the counts alone."""
    threshold = default_threshold(len(pattern))
    masked = pattern.count(STAY) + pattern.count(BEFORE_UNMASKING)
    if len(pattern) - pattern.count(BEFORE_SHARING) < threshold or masked < threshold:
        return TooFewClientsError
    return TooFewSharesError if pattern.count(STAY) < threshold else None


@pytest.mark.parametrize("count", [3, 4, 5])
def test_every_pattern_of_dropouts(count):
    for pattern in product(range(4), repeat=count):
        error, run = expected_end(pattern), new_round(count)
        if error:
            with pytest.raises(error, match="needed"):
                play(run, pattern)
            continue
        aggregate = play(run, pattern)
        alive = leaving(pattern, STAY) + leaving(pattern, BEFORE_UNMASKING)
        assert aggregate.ring_total.tolist() == exact_sum(alive), pattern
        assert aggregate.survivors == set(alive)


@settings(derandomize=True, deadline=None, database=None, max_examples=25)
@given(st.data(), st.integers(3, 9), st.sampled_from([32, 64]))
def test_larger_rounds_with_a_tolerable_number_of_dropouts(data, count, bits):
    names = [f"client-{number}" for number in range(count)]
    encoding = FixedPoint(1.0, 9, 100, bits)
    dropped = data.draw(st.sets(st.sampled_from(names), max_size=count - max(default_threshold(count), 3)))
    run = LocalRound(names, encoding, LENGTH, context=CONTEXT)
    run.share_keys()
    alive = [name for name in names if name not in dropped]
    for name in data.draw(st.permutations(alive)):
        run.submit(run.mask(name, vector(name), weight(name)))
    assert run.unmask().ring_total.tolist() == exact_sum(alive, encoding)


def test_the_mean_is_within_half_a_step():
    total = play(new_round(4), (STAY,) * 4).total
    weights = [weight(name) for name in NAMES[:4]]
    mean = np.average([vector(name) for name in NAMES[:4]], axis=0, weights=weights)
    assert total[-1] == sum(weights)
    assert np.abs(total[:-1] / total[-1] - mean).max() <= ENCODING.step / 2


def test_all_messages_are_recorded_in_order():
    run = new_round(4)
    run.share_keys(absent=["dan"])
    sent = [run.mask(name, vector(name), 1) for name in NAMES[:3]]
    for payload in sent:
        run.submit(payload)
    run.unmask()
    up = [message.sender for message in run.messages if message.receiver == SERVER]
    down = [message.receiver for message in run.messages if message.sender == SERVER]
    assert up == ["ann", "bob", "cid", "dan", *["ann", "bob", "cid"] * 3]
    assert down == ["ann", "bob", "cid", "dan", *["ann", "bob", "cid"] * 2]
    assert [message.payload for message in run.messages if message.payload in sent] == sent


def test_time_is_measured_for_each_party():
    run = new_round(3)
    play(run, (STAY,) * 3)
    assert set(run.client_seconds) == set(NAMES[:3])
    assert min(run.client_seconds.values()) > 0
    assert run.server_seconds > 0


def test_a_masked_vector_costs_four_bytes_a_value():
    length = 10_000
    run = LocalRound(NAMES, ENCODING, length, context=CONTEXT)
    run.share_keys()
    assert 4 * length < len(run.mask("ann", np.zeros(length, np.float32), 1)) < 4 * length + 200


@pytest.mark.parametrize("clients", [("ann", "ann", "bob"), ("ann", "bob", SERVER)])
def test_ambiguous_names_are_refused(clients):
    with pytest.raises(ProtocolError, match="rename"):
        LocalRound(clients, ENCODING, LENGTH, context=CONTEXT)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_clients_are_refused(count):
    with pytest.raises(TooFewClientsError, match="3 needed"):
        new_round(count).share_keys()


def test_strangers_are_refused():
    run = new_round(3)
    with pytest.raises(ProtocolError, match="'eve'"):
        run.mask("eve", vector("eve"), 1)
    with pytest.raises(ProtocolError, match="'eve'"):
        run.share_keys(absent=["eve"])


def test_a_low_threshold_is_refused():
    with pytest.raises(ProtocolError, match="no majority"):
        new_round(4, threshold=2).share_keys()


def test_an_import_needs_neither_torch_nor_tenseal():
    code = "import sys, secagg; print(sorted({'torch', 'tenseal'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout.strip() == "[]"
