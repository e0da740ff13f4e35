"""A tiny run measures everything that a full one does."""

import pytest

from gradveil.bench import Metric, Plan, Samples, ours, peers, run_he
from gradveil.bench.plan import Size
from gradveil.bench.results import OURS, VECTORS

COUNT, CLIENTS, SHARE = 5000, 2, 0.1
PLAN = Plan(
    (Size(COUNT, CLIENTS),),
    Size(COUNT, 3),
    repetitions=2,
    peers=True,
    parallel=("packed",),
    shares=(1.0, SHARE),
)
TIMED = set(Metric) - {Metric.SERVER_PEAK}


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def medians(steps):
    samples = Samples()
    run_he(PLAN, samples, lambda done, total: steps.append((done, total)))
    return samples.medians()


def metrics(medians, name, **place):
    return {
        cell.metric: value
        for cell, value in medians.items()
        if cell.name == name and all(getattr(cell.place, field) == want for field, want in place.items())
    }


@pytest.mark.parametrize("name", [*ours.SETUPS, *peers.SETUPS])
def test_each_setup_yields_each_metric(medians, name):
    found = metrics(medians, name, share=1.0, clients=CLIENTS, processes=1)
    assert found.keys() == TIMED
    assert all(value > 0 for value in found.values())
    assert metrics(medians, name, share=SHARE).keys() == {Metric.UPLINK, Metric.DOWNLINK, Metric.ROUND}


def test_several_processes_are_measured_where_they_matter(medians):
    parallel = [cell for cell in medians if cell.place.processes > 1]
    assert [(cell.metric, cell.name) for cell in parallel] == [(Metric.ENCRYPT, "packed")]


def test_memory_is_measured_in_bytes_and_in_vectors(medians):
    peaks = {cell.name: set() for cell in medians if cell.metric is Metric.SERVER_PEAK}
    for cell in medians:
        if cell.metric is Metric.SERVER_PEAK:
            peaks[cell.name].add(cell.unit)
            assert cell.place.clients == PLAN.memory.clients
            assert medians[cell] > 0
    assert peaks == {name: {"B", VECTORS} for name in ("packed", "ckks", "NVFlare")}


@pytest.mark.parametrize("name", ours.SETUPS)
def test_bytes_and_errors_are_those_of_the_parameters(medians, name):
    params, found = ours.SETUPS[name](10), metrics(medians, name, share=1.0, clients=CLIENTS, processes=1)
    assert 0 < found[Metric.UPLINK] * COUNT - params.upload_bytes(COUNT) < 1000
    assert 0 < found[Metric.DOWNLINK] * COUNT - params.sum_bytes(COUNT) < 1000
    assert 0 < found[Metric.ERROR] <= params.error_bound(CLIENTS)


@pytest.mark.parametrize(("name", "bytes_at_least"), [("NVFlare", 90), ("MaskCrypt", 130), ("FedML-HE", 98)])
def test_peers_are_what_they_are_known_for(medians, name, bytes_at_least):
    found = metrics(medians, name, share=1.0, clients=CLIENTS)
    assert bytes_at_least < found[Metric.UPLINK] < 1.1 * bytes_at_least  # two ciphertexts for 5000 values
    assert found[Metric.ERROR] < 1e-6


def test_progress_counts_to_the_end(medians, steps):
    assert steps == [(done, steps[-1][1]) for done in range(len(steps))]
    assert steps[-1][0] == steps[-1][1]


def test_another_run_measures_the_same_cells_in_the_same_order(medians):
    plan = Plan(PLAN.sizes, PLAN.memory, repetitions=1, peers=False, parallel=(), shares=PLAN.shares)
    again = Samples()
    run_he(plan, again)
    same = [cell for cell in medians if cell.package == OURS and cell.place.processes == 1]
    assert list(again.medians()) == same
    for cell in same:
        if cell.metric in (Metric.UPLINK, Metric.DOWNLINK, Metric.ERROR):
            assert again.medians()[cell] == medians[cell]


def test_an_interrupted_run_keeps_what_it_has():
    plan, samples = Plan(PLAN.sizes, PLAN.memory, repetitions=1, peers=False, parallel=()), Samples()

    def interrupt(done, total):
        if done == len(ours.SETUPS) + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_he(plan, samples, interrupt)
    assert {cell.name for cell in samples.medians()} == {"packed"}
