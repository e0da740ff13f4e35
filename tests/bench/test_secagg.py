"""A tiny run measures everything that a full one does."""

import numpy as np
import pytest

from gradveil.bench import Samples, installed
from gradveil.bench.installed import MissingPeerError
from gradveil.bench.memory import MeasurementError
from gradveil.bench.results import OURS
from gradveil.bench.secagg import run_secagg, secagg_tables
from gradveil.bench.secagg_contender import Notes
from gradveil.bench.secagg_limit import PACKAGE
from gradveil.bench.secagg_ours import Ours
from gradveil.bench.secagg_plan import SECAGG_UNITS, Cohort, SecAggMetric, SecAggPlan

COHORT, MASKING, SPARSE = Cohort(500, 5, dropout=0.2), Cohort(800, 5), Cohort(300, 60, dropout=0.1)
PLAN = SecAggPlan((COHORT,), (COHORT,), (MASKING,), Cohort(500, 5), (SPARSE,), repetitions=2, peers=False)
OF_A_ROUND = {
    SecAggMetric.SERVER_UNMASK,
    SecAggMetric.CLIENT_SHARE,
    SecAggMetric.CLIENT_MASK,
    SecAggMetric.UPLINK,
    SecAggMetric.ROUND,
}


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def medians(steps):
    samples = Samples()
    run_secagg(PLAN, samples, lambda done, total: steps.append((done, total)))
    return samples.medians()


def metrics(medians, cohort, package=OURS):
    return {
        cell.metric: value
        for cell, value in medians.items()
        if cell.place == cohort and cell.package == package
    }


def test_a_round_yields_each_metric(medians):
    found = metrics(medians, COHORT)
    assert found.keys() == OF_A_ROUND
    assert all(value > 0 for value in found.values())
    parts = found[SecAggMetric.CLIENT_SHARE] + found[SecAggMetric.CLIENT_MASK]
    assert found[SecAggMetric.ROUND] > parts + found[SecAggMetric.SERVER_UNMASK]


def test_the_speed_limit_is_measured_where_masking_is(medians):
    for cohort in (COHORT, MASKING):
        assert metrics(medians, cohort, PACKAGE).keys() == {SecAggMetric.AES_LIMIT}
    assert metrics(medians, MASKING).keys() == {SecAggMetric.CLIENT_MASK}


def test_memory_and_a_sparse_round(medians):
    assert metrics(medians, PLAN.memory).keys() == {SecAggMetric.SERVER_PEAK}
    assert metrics(medians, SPARSE).keys() == OF_A_ROUND - {SecAggMetric.ROUND} | {SecAggMetric.SERVER_PEAK}


def test_a_coordinate_takes_four_bytes(medians):
    assert 4 < metrics(medians, COHORT)[SecAggMetric.UPLINK] < 4 + 150 / COHORT.values


def test_progress_counts_to_the_end(medians, steps):
    assert steps == [(done, steps[-1][1]) for done in range(len(steps))]
    assert steps[-1][0] == steps[-1][1]


def test_units_and_setups_are_readable(medians):
    assert {cell.unit for cell in medians} == {"s", "B"}
    assert all(cell.unit == SECAGG_UNITS[cell.metric] for cell in medians)
    assert "secagg, complete graph: 500 values, 5 clients, 20 % dropout" in {cell.setup for cell in medians}


def test_tables_have_a_column_for_each_metric(medians):
    samples = Samples()
    for cell, value in medians.items():
        samples.add(cell, value)
    (table,) = secagg_tables(samples)
    assert len(table.columns) == 1 + len(SecAggMetric)


@pytest.mark.parametrize("dropped", [0, 1])
def test_our_mean_is_that_of_the_others(dropped):
    vectors = np.random.default_rng(1).normal(0, 1, (4, 50)).astype(np.float32)
    mean = Ours().run(vectors, dropped, Notes.unread())
    np.testing.assert_allclose(mean, vectors[dropped:].mean(axis=0), atol=1e-6)


def test_a_wrong_mean_gives_no_numbers(monkeypatch):
    monkeypatch.setattr(Ours, "run", lambda self, vectors, dropped, notes: vectors.sum(axis=0))
    with pytest.raises(MeasurementError, match="the mean is off"):
        run_secagg(PLAN, Samples())


def test_an_interrupted_run_keeps_what_it_has():
    samples = Samples()

    def interrupt(done, total):
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_secagg(PLAN, samples, interrupt)
    assert metrics(samples.medians(), COHORT).keys() == OF_A_ROUND


def test_a_missing_peer_is_said_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    samples = Samples()
    with pytest.raises(MissingPeerError, match="gradveil\\[peers\\]"):
        run_secagg(SecAggPlan.quick(peers=True), samples)
    assert samples.medians() == {}


def test_plans():
    quick, full = SecAggPlan.quick(peers=True), SecAggPlan.full(peers=True)
    assert {each.clients for each in quick.cohorts} == {10, 20}
    assert {(each.clients, each.values, each.dropout) for each in full.cohorts} == {
        (clients, values, dropout)
        for clients in (10, 50, 100)
        for values in (10**5, 10**6)
        for dropout in (0.0, 0.1, 0.3)
    }
    assert set(full.against) <= set(full.cohorts)
    assert [each.clients for each in full.scale] == [1000]


def test_how_often_the_peer_runs():
    plan = SecAggPlan.full(peers=True)
    assert plan.repetitions_of_peer(Cohort(10**6, 10)) == plan.repetitions
    assert plan.repetitions_of_peer(Cohort(10**5, 50, dropout=0.1)) == 1
    assert plan.repetitions_of_peer(Cohort(10**6, 100)) == 0
    assert SecAggPlan.full(peers=False).repetitions_of_peer(Cohort(10**6, 10)) == 0
