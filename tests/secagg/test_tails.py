"""The chosen degree and threshold keep Bell et al.'s conditions, recomputed in exact arithmetic."""

import math
from fractions import Fraction
from functools import cache
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from secagg.parameters import COMPLETE_UP_TO, Adversary, InfeasibleError, Setting, harary_parameters
from secagg.tails import fewest_marked, log2_all_marked, most_marked

LYING = Adversary.MALICIOUS

rounds = st.builds(
    lambda **fields: fields,
    clients=st.integers(10, 90),
    dropout=st.sampled_from([0.0, 0.05, 0.13, 0.2, 0.29]),
    corrupt=st.sampled_from([0.0, 0.05, 0.1, 0.29, 0.3]),
    sigma=st.sampled_from([10, 20, 40]),
    eta=st.sampled_from([10, 30]),
    adversary=st.sampled_from(Adversary),
)


def sparse(**fields):
    """Parameters of a sparse graph, or None where there are none."""
    try:
        return harary_parameters(Setting(**fields))
    except InfeasibleError:
        return None


@cache
def probability(clients, marked, drawn, count):
    """P[exactly this many of the drawn are marked], as a fraction."""
    if not 0 <= count <= min(marked, drawn):
        return Fraction(0)
    ways = math.comb(marked, count) * math.comb(clients - marked, drawn - count)
    return Fraction(ways, math.comb(clients, drawn))


def stays_connected(setting, neighbours):
    """No two runs of k/2 dropouts and colluders, by a union over pairs of places."""
    clients, bad = setting.clients, setting.colluders + setting.dropouts
    pairs = Fraction(clients * (clients - neighbours - 1), 2)
    return pairs * probability(clients, bad, neighbours, neighbours) < Fraction(1, 2 ** (setting.sigma + 1))


def keeps_its_promises(setting, neighbours, threshold):
    """Bell et al.'s conditions on t, from their definitions in exact arithmetic."""
    clients, survivors = setting.clients, setting.clients - setting.dropouts
    harmless = 2 * threshold - neighbours if setting.adversary is LYING else threshold
    exposed = sum(
        probability(clients, setting.colluders, neighbours, x)
        for x in range(max(harmless, 0), neighbours + 1)
    )
    lost = sum(probability(clients, survivors, neighbours, x) for x in range(threshold))
    secure = clients * exposed <= Fraction(1, 2 ** (setting.sigma + 1))
    return secure and clients * lost <= Fraction(1, 2**setting.eta)


@given(rounds)
def test_exactly_the_smallest_that_keep_the_promises(fields):
    setting, found = Setting(**fields), sparse(**fields)
    degrees = (k for k in range(2, setting.clients - 1, 2) if stays_connected(setting, k))
    candidates = ((k, t) for k in degrees for t in range(2, k + 1))
    expected = next((pair for pair in candidates if keeps_its_promises(setting, *pair)), None)
    assert expected == (found and (found.neighbours, found.threshold))


@given(rounds, st.sampled_from(["dropout", "corrupt", "sigma", "eta", "adversary"]))
def test_asking_for_more_never_needs_fewer_neighbours(fields, name):
    found = sparse(**fields)
    step = {"dropout": 0.05, "corrupt": 0.05, "sigma": 10, "eta": 10}
    more = LYING if name == "adversary" else fields[name] + step[name]
    harder = sparse(**fields | {name: more})
    assume(harder is not None)
    assert found is not None
    assert (harder.neighbours, harder.threshold) >= (found.neighbours, found.threshold)


def test_a_threshold_that_survivors_may_miss_is_not_taken():
    # Google's program gives k=4, t=2 here: three of the four neighbours may be gone.
    found = sparse(clients=10, corrupt=0.0, dropout=0.33, eta=20)
    assert found.neighbours - found.dropouts >= found.threshold == 2


@pytest.mark.parametrize(("population", "marked", "drawn"), [(9, 3, 4), (9, 7, 5), (10, 0, 3), (8, 8, 3)])
@pytest.mark.parametrize("chance", [0.001, 0.06, 0.3, 0.9])
def test_tails_by_enumeration(population, marked, drawn, chance):
    counts = [sum(item < marked for item in draw) for draw in combinations(range(population), drawn)]
    limit = chance * len(counts)
    most = min(x for x in range(drawn + 1) if sum(count > x for count in counts) <= limit)
    fewest = max(x for x in range(drawn + 1) if sum(count < x for count in counts) <= limit)
    assert most_marked(population, marked, drawn, chance) == most
    assert fewest_marked(population, marked, drawn, chance) == fewest
    share = sum(count == drawn for count in counts) / len(counts)
    assert 2 ** log2_all_marked(population, marked, drawn) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize(("clients", "neighbours", "bits"), [(COMPLETE_UP_TO, 12, 8), (100, 22, 21)])
def test_one_colluder_too_many_shows_why_small_rounds_are_complete(clients, neighbours, bits):
    found = sparse(clients=clients, dropout=0.1, corrupt=0.1)
    assert (found.neighbours, found.threshold) == (neighbours, found.colluders + 1)
    surrounded = clients * probability(clients, found.threshold, neighbours, found.threshold)
    assert round(-math.log2(surrounded)) == bits
