"""Whole jobs in one process: whoever drops out, the rest is averaged as if nothing had been protected."""

import numpy as np
import pytest

from gradveil.exchange import Knowledge, Layout, observe
from gradveil.fl import LocalJob, RoundAbortedError
from gradveil.plan import Masking, Placement, Plan, Purpose
from secagg.phases import Phase
from tests.fl.jobs import (
    CLIENTS,
    ENCRYPTED,
    EVERYTHING,
    HYBRID,
    LAYOUT,
    MALICIOUS,
    MASKED,
    MASKING_PLANS,
    PLANS,
    SELECTIVE,
    Training,
    job,
    model,
)

TOLERANCE = 2e-4  # the coarsest grid of the plans: packed values of 17 bits, times clients and weights
ONE = CLIENTS[2]

by_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def expected(plan, before, training, clients):
    step = training.mean(training.steps, clients)
    return before + np.where(plan.dropped.mask, 0, step)


@by_plan
def test_three_rounds_move_the_model_as_the_weighted_mean_does(plan):
    found, training = job(plan), Training()
    for _ in range(3):
        before = found.opened_model()
        found.run(training)
        assert np.abs(found.opened_model() - expected(plan, before, training, CLIENTS)).max() < TOLERANCE


PHASES_OF = {
    name: [phase for phase in Phase if phase is not Phase.CONFIRM or plan in (MALICIOUS, EVERYTHING)]
    if plan.masking is not None
    else [Phase.MASK]
    for name, plan in PLANS.items()
}
DROPS = [(name, phase) for name, phases in PHASES_OF.items() for phase in phases]


@pytest.mark.parametrize(("name", "phase"), DROPS, ids=[f"{name}-{phase}" for name, phase in DROPS])
def test_a_client_that_vanishes_costs_at_most_its_own_contribution(name, phase):
    plan, training = PLANS[name], Training()
    found = job(plan)
    before = found.opened_model()
    record = found.run(training, absent={phase: [ONE]})
    stayed = set(CLIENTS) if phase in (Phase.CONFIRM, Phase.UNMASK) else set(CLIENTS) - {ONE}
    assert record.outcome.clients == stayed
    assert record.losses == {ONE: f"vanished in phase {phase}"}
    assert np.abs(found.opened_model() - expected(plan, before, training, stayed)).max() < TOLERANCE


@pytest.mark.parametrize("plan", MASKING_PLANS.values(), ids=MASKING_PLANS)
def test_too_few_answers_abort_the_round_and_leave_the_model(plan):
    found = job(plan)
    with pytest.raises(RoundAbortedError, match="needed"):
        found.run(Training(), absent={Phase.UNMASK: CLIENTS[1:]})
    assert np.array_equal(found.model, model())


def test_the_next_round_goes_on_after_one_that_was_aborted():
    found, training = job(HYBRID), Training()
    with pytest.raises(RoundAbortedError):
        found.run(training, absent={Phase.SHARE: CLIENTS[:6]})
    assert found.run(training).outcome.clients == set(CLIENTS)


def test_a_client_that_dropped_out_takes_part_in_the_next_round():
    found, training = job(EVERYTHING), Training()
    found.run(training, absent={Phase.SHARE: [CLIENTS[0]], Phase.MASK: [CLIENTS[1]]})
    assert found.run(training).outcome.clients == set(CLIENTS)


@pytest.mark.parametrize("plan", [MASKED, SELECTIVE, HYBRID], ids=["masked", "selective", "hybrid"])
def test_metrics_and_counts_are_the_weighted_mean_and_the_sum(plan):
    training = Training()
    outcome = job(plan).run(training, absent={Phase.MASK: [ONE]}).outcome
    stayed = set(CLIENTS) - {ONE}
    assert outcome.weight == sum(training.weights[name] for name in stayed)
    assert outcome.metrics["loss"] == pytest.approx(training.mean(training.losses, stayed), abs=1e-5)


@pytest.mark.parametrize("plan", [MASKED, SELECTIVE, HYBRID], ids=["masked", "selective", "hybrid"])
def test_an_evaluation_is_summed_too_and_sees_the_opened_model(plan):
    found, training = job(plan), Training()
    found.run(training)
    outcome = found.run(training.evaluate, purpose=Purpose.EVALUATE).outcome
    assert outcome.metrics["accuracy"] == pytest.approx(np.tanh(found.opened_model()[0]), abs=1e-5)
    assert outcome.difference.size == 0


def test_a_metric_beyond_its_limit_is_clipped_to_it():
    training = Training()
    training.losses = dict.fromkeys(CLIENTS, 99.0)
    assert job(MASKED).run(training).outcome.metrics["loss"] == pytest.approx(16.0)


def test_encrypted_weights_are_unknown_to_the_server():
    outcome = job(ENCRYPTED).run(Training()).outcome
    assert (outcome.weight, dict(outcome.metrics)) == (0, {})
    assert not outcome.total.any()


@by_plan
def test_the_server_reads_sums_and_what_the_plan_leaves_clear(plan):
    record = job(plan).run(Training())
    knowledge = Knowledge("mlp", "cross-entropy", 4, (5,), 1)
    seen = observe(plan.train.layout, record.uploads, record.released, knowledge)
    alone = [reading for reading in seen.readings if len(reading.clients) == 1]
    assert all(np.array_equal(reading.coords, plan.train.clear) for reading in alone)
    assert len(alone) == (len(CLIENTS) if plan.train.clear.size else 0)
    together = seen.readings[-1]
    assert together.clients == set(CLIENTS)
    assert together.coords.tolist() == sorted([*plan.train.masked, *plan.train.clear])


def test_a_plan_that_masks_only_metrics_hides_the_counts_of_a_selective_one():
    plan = Plan.of(
        LAYOUT,
        clients=len(CLIENTS),
        max_weight=20,
        clear=SELECTIVE.clear,
        encrypted=SELECTIVE.encrypted,
        encryption=SELECTIVE.encryption,
        masking=MASKED.masking,
        metrics=MASKED.metrics,
    )
    training = Training()
    record = job(plan).run(training)
    assert record.outcome.weight == sum(training.weights.values())
    assert plan.train.clear.tolist() == np.flatnonzero(SELECTIVE.clear.mask).tolist()


@pytest.mark.parametrize("clients", [60])
def test_sixty_clients_with_dropouts_in_every_phase(clients):
    layout = Layout(("w",), ((500,),))
    names = [f"client-{number:02}" for number in range(clients)]
    masking = Masking.for_(clients=clients, clip=2.0, dropout=0.15, corrupt=0.05)
    plan = Plan.of(layout, clients=clients, max_weight=20, masking=masking, min_clients=40)
    training = Training(names, layout)
    found = LocalJob(plan, names, np.zeros(layout.size, np.float32))
    gone = {Phase.ADVERTISE: names[:2], Phase.SHARE: names[2:4], Phase.MASK: names[4:6]}
    record = found.run(training, absent={**gone, Phase.UNMASK: names[6:8]})
    assert record.outcome.clients == set(names[6:])
    assert np.abs(found.model - training.mean(training.steps, names[6:])).max() < TOLERANCE
    assert masking.neighbours is not None


def test_bytes_are_counted_for_each_client():
    record = job(MASKED).run(Training(), absent={Phase.MASK: [ONE]})
    sent, received = record.bytes_of(CLIENTS[0])
    less, _ = record.bytes_of(ONE)
    assert sent == sum(len(each.payload) for each in record.messages if each.sender == CLIENTS[0])
    assert less < sent
    assert received > 0


def test_placement_of_weights_is_part_of_the_plan():
    assert {plan.weight for plan in PLANS.values()} == set(Placement)
