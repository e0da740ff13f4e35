"""Apps under Flower's own runtime, in process: protected training ends where unprotected training does."""

import numpy as np
import pytest

pytest.importorskip("flwr")

from flwr.app import Message, RecordDict
from flwr.serverapp.strategy import DifferentialPrivacyServerSideFixedClipping as ServerSideClipping
from flwr.serverapp.strategy import FedAdam, FedAvg, FedAvgM, FedMedian, FedProx, Krum

from gradveil.exchange import LayoutMismatchError
from gradveil.fl import ModelMismatchError, PlanMismatchError, RoundAbortedError
from gradveil.fl.flower import ProtectedGrid, ProtectedStrategy, Settings
from gradveil.fl.flower.forwarding import ForwardingGrid
from gradveil.plan import Purpose
from secagg.phases import Deadlines, Phase, PhasePolicy
from tests.fl.flower.apps import (
    HYBRID,
    LAYOUT,
    MASKED,
    MODEL,
    NODES,
    PLANS,
    SELECTIVE,
    Keys,
    arrays,
    client_app,
    expected,
    protected_app,
    run,
    trained,
    values_of,
)
from tests.fl.flower.faults import Faulty, Recorder
from tests.fl.opening import opened

FAST = Settings(poll_seconds=0.02)
CLOSE = 1e-4
ROUNDS = 2

by_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


def end_of(plan, keys, result, memory):
    """The model as clients know it."""
    return opened(plan, keys.folder, "client-0", values_of(result.arrays), memory)


def distance(one, other):
    return max(np.abs(np.float64(one[name]) - np.float64(other[name])).max() for name in other)


@by_plan
def test_protected_rounds_end_at_the_mean_of_what_clients_train(plan, keys):
    strategy = ProtectedStrategy(FedAvg(), plan, keys.server, FAST)
    result = run(strategy, protected_app(plan, keys), ROUNDS)
    assert distance(end_of(plan, keys, result, strategy.sealed_model), expected(ROUNDS)) < CLOSE
    assert [each.survivors for each in strategy.reports] == [
        {f"client-{number}" for number in range(NODES)}
    ] * (2 * ROUNDS)


@by_plan
def test_metrics_are_the_weighted_means(plan, keys):
    strategy = ProtectedStrategy(FedAvg(), plan, keys.server, FAST)
    result = run(strategy, protected_app(plan, keys), 1)
    weights = np.array([3 * number + 1 for number in range(NODES)])
    wanted = float((weights * np.arange(NODES)).sum() / weights.sum())
    assert result.train_metrics_clientapp[1]["loss"] == pytest.approx(wanted, abs=1e-4)
    first = expected(1)["conv.weight"].flat[0]
    assert result.evaluate_metrics_clientapp[1]["accuracy"] == pytest.approx(np.tanh(first), abs=1e-4)


@pytest.mark.parametrize("inner", [FedAdam, FedAvgM, FedProx], ids=lambda kind: kind.__name__)
def test_any_averaging_strategy_works_as_it_does_alone(inner, keys):
    options = {"proximal_mu": 0.1} if inner is FedProx else {}
    alone = run(inner(**options), client_app(), ROUNDS)
    strategy = ProtectedStrategy(inner(**options), MASKED, keys.server, FAST)
    together = run(strategy, protected_app(MASKED, keys), ROUNDS)
    assert distance(values_of(together.arrays), values_of(alone.arrays)) < 20 * CLOSE


@pytest.mark.parametrize("kind", [FedMedian, Krum], ids=lambda kind: kind.__name__)
def test_a_strategy_that_looks_at_single_updates_is_refused(kind, keys):
    with pytest.raises(PlanMismatchError, match=kind.__name__):
        ProtectedStrategy(kind(), MASKED, keys.server)


def test_a_wrapper_whose_guarantee_would_be_false_is_refused(keys):
    wrapped = ServerSideClipping(FedAvg(), noise_multiplier=1.0, clipping_norm=1.0, num_sampled_clients=5)
    with pytest.raises(PlanMismatchError, match="ServerSideFixedClipping"):
        ProtectedStrategy(wrapped, MASKED, keys.server)


@pytest.mark.parametrize("phase", [Phase.ADVERTISE, Phase.SHARE, Phase.MASK, Phase.UNMASK])
def test_a_node_that_fails_in_a_phase_costs_its_own_contribution(phase, keys):
    strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), HYBRID, keys.server, FAST)
    app = protected_app(HYBRID, keys, Faulty({(2, phase)}))
    result = run(strategy, app, 1)
    stayed = range(NODES) if phase is Phase.UNMASK else [0, 1, 3, 4]
    assert distance(end_of(HYBRID, keys, result, strategy.sealed_model), expected(1, stayed)) < CLOSE
    (report,) = strategy.reports
    assert (report.asked, len(report.losses), len(report.survivors)) == (NODES, 1, len(stayed))
    assert report.aborted is None


def test_a_node_that_is_silent_is_left_behind_at_the_deadline(keys):
    patient = PhasePolicy(seconds=30)
    deadlines = Deadlines(patient, patient, PhasePolicy(seconds=1.5), patient, patient)
    settings = Settings(deadlines=deadlines, poll_seconds=0.02)
    strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), MASKED, keys.server, settings)
    app = protected_app(MASKED, keys, Faulty({(4, Phase.MASK)}, silent_seconds=3))
    result = run(strategy, app, 1)
    assert distance(values_of(result.arrays), expected(1, [0, 1, 2, 3])) < CLOSE


def test_too_few_nodes_abort_the_round_and_the_model_stays(keys):
    faults = Faulty({(number, Phase.MASK) for number in range(3)})
    strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), MASKED, keys.server, FAST)
    result = run(strategy, protected_app(MASKED, keys, faults), 1)
    assert not result.arrays
    assert "2 clients, not 3" in strategy.reports[0].aborted


def test_patience_has_an_end(keys):
    faults = Faulty({(number, Phase.ADVERTISE) for number in range(NODES)})
    settings = Settings(patience=1, poll_seconds=0.02)
    strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), MASKED, keys.server, settings)
    with pytest.raises(RoundAbortedError, match="2 rounds in a row"):
        run(strategy, protected_app(MASKED, keys, faults), 5)


@by_plan
def test_replies_carry_nothing_but_the_protocols_bytes(plan, keys):
    recorder = Recorder()
    strategy = ProtectedStrategy(FedAvg(), plan, keys.server, FAST)
    run(strategy, protected_app(plan, keys), 1, recorder.around)
    assert len(recorder.replies) == NODES * sum(len(each.seconds) for each in strategy.reports)
    assert all(set(reply.content) == {"gradveil"} for reply in recorder.replies)
    blob = b"|".join(reply.content["gradveil"]["payload"].data for reply in recorder.replies)
    for number in range(NODES):
        for name in set(LAYOUT.names) - {"norm.batches"}:
            update = np.float32(expected_update(number, name)) * np.float32(3 * number + 1)
            readable = plan.clear.mask[LAYOUT.slices[name]].all()
            assert (update.tobytes() in blob) == readable


def expected_update(number, name):
    return np.float32(trained(MODEL, number)[name]) - np.float32(MODEL[name])


def test_nodes_that_are_given_different_models_are_not_summed(keys):
    class Unfair(FedAvg):
        def configure_train(self, server_round, given, config, grid):
            messages = list(super().configure_train(server_round, given, config, grid))
            for message in messages[1:]:
                message.content = message.content.copy()
                message.content["arrays"] = arrays(expected(1))
            return messages

    strategy = ProtectedStrategy(Unfair(), MASKED, keys.server, FAST)
    with pytest.raises(ModelMismatchError, match="different models"):
        run(strategy, protected_app(MASKED, keys), 1)


def test_a_server_that_shows_one_node_another_model_gets_nothing_of_it(keys):
    """Pasquini et al. 2022: only the target would contribute."""

    class Swapping(ForwardingGrid):
        def push_messages(self, messages):
            for message in messages:
                content = message.content
                if "arrays" in content and message.metadata.dst_node_id == min(self.get_node_ids()):
                    content["arrays"] = arrays(expected(1))
                yield from self.inner.push_messages([message])

    strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), MASKED, keys.server, FAST)
    run(strategy, protected_app(MASKED, keys), 1, Swapping)
    (report,) = strategy.reports
    assert list(report.losses.values()) == ["refused: ModelMismatchError"]
    assert len(report.survivors) == NODES - 1


def test_a_server_without_the_protocol_gets_errors_only(keys):
    recorder = Recorder()
    result = run(FedAvg(), protected_app(MASKED, keys), 1, recorder.around_all)
    assert not result.arrays
    assert len(recorder.replies) == 2 * NODES
    assert {reply.error.reason for reply in recorder.replies} == {"UnprotectedRequestError"}


@pytest.mark.parametrize("other", [SELECTIVE, HYBRID], ids=["selective", "hybrid"])
def test_nodes_with_another_plan_refuse(other, keys):
    strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), MASKED, keys.server, FAST)
    run(strategy, protected_app(other, keys), 1)
    (report,) = strategy.reports
    assert set(report.losses.values()) == {"refused: PlanMismatchError"}
    assert report.aborted is not None


def test_nodes_with_another_roster_refuse(keys, tmp_path_factory):
    strangers = Keys(tmp_path_factory.mktemp("strangers"))
    strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), MASKED, keys.server, FAST)
    run(strategy, protected_app(MASKED, strangers), 1)
    assert set(strategy.reports[0].losses.values()) == {"refused: RosterMismatchError"}


def test_another_model_than_the_plans_does_not_start(keys):
    strategy = ProtectedStrategy(FedAvg(), MASKED, keys.server, FAST)
    with pytest.raises(LayoutMismatchError):
        strategy.start(None, arrays({"other": np.zeros(3, np.float32)}))


@by_plan
def test_a_server_that_was_killed_goes_on_after_its_last_round(plan, keys, tmp_path):
    settings = Settings(checkpoint=tmp_path / "checkpoint", poll_seconds=0.02)
    first = ProtectedStrategy(FedAvg(), plan, keys.server, settings)
    run(first, protected_app(plan, keys), 1)
    second = ProtectedStrategy(FedAvg(), plan, keys.server, settings)
    result = run(second, protected_app(plan, keys), 3)
    assert distance(end_of(plan, keys, result, second.sealed_model), expected(3)) < CLOSE
    assert [each.round for each in second.reports] == [3, 4, 5, 6]
    assert len(first.reports) == 2


def test_a_server_that_forgot_opens_no_round_of_ciphertexts_twice(keys):
    """Without a checkpoint its numbers begin anew; clients have ledgers."""
    for _ in range(2):
        strategy = ProtectedStrategy(FedAvg(), HYBRID, keys.server, FAST)
        run(strategy, protected_app(HYBRID, keys), 1)
    assert set(strategy.reports[-1].losses.values()) == {"refused: ReplayError"}


def test_a_checkpoint_of_another_plan_is_refused(keys, tmp_path):
    settings = Settings(checkpoint=tmp_path / "checkpoint", poll_seconds=0.02)
    run(ProtectedStrategy(FedAvg(), MASKED, keys.server, settings), protected_app(MASKED, keys), 1)
    with pytest.raises(PlanMismatchError, match="another plan"):
        run(ProtectedStrategy(FedAvg(), HYBRID, keys.server, settings), protected_app(HYBRID, keys), 1)


def test_central_evaluation_counts_rounds_from_the_first(keys, tmp_path):
    settings = Settings(checkpoint=tmp_path / "checkpoint", poll_seconds=0.02)
    seen = []

    def start(rounds):
        strategy = ProtectedStrategy(FedAvg(fraction_evaluate=0), MASKED, keys.server, settings)

        class Watching:
            def start(self, grid, initial, num_rounds):
                return strategy.start(
                    grid, initial, num_rounds, evaluate_fn=lambda number, _: seen.append(number)
                )

        run(Watching(), protected_app(MASKED, keys), rounds)

    start(1)
    start(2)
    assert seen == [0, 1, 1, 2]


@pytest.mark.parametrize("kinds", [("train", "evaluate"), ("train", "query")], ids="+".join)
def test_a_round_is_of_one_kind(keys, kinds):
    class Mixing:
        def start(self, grid, initial, num_rounds):
            protected = ProtectedGrid(grid, MASKED, keys.server, FAST)
            nodes = list(grid.get_node_ids())
            content = RecordDict({"arrays": initial})
            messages = [Message(content, nodes[place], kind) for place, kind in enumerate(kinds)]
            return protected.send_and_receive(messages)

    with pytest.raises(PlanMismatchError, match="one kind at a time"):
        run(Mixing(), protected_app(MASKED, keys))


def test_a_strategy_that_polls_by_itself_sends_nothing_unprotected(keys):
    class Polling:
        def start(self, grid, initial, num_rounds):
            protected = ProtectedGrid(grid, MASKED, keys.server, FAST)
            (node, *_) = grid.get_node_ids()
            return protected.push_messages([Message(RecordDict({"arrays": initial}), node, "train")])

    with pytest.raises(PlanMismatchError, match="polls by itself"):
        run(Polling(), protected_app(MASKED, keys))


def test_reports_say_what_an_operator_asks(keys):
    strategy = ProtectedStrategy(FedAvg(), MASKED, keys.server, FAST)
    run(strategy, protected_app(MASKED, keys), 1)
    train, evaluation = strategy.reports
    assert (train.purpose, evaluation.purpose) == (Purpose.TRAIN, Purpose.EVALUATE)
    assert (train.round, evaluation.round, train.asked) == (1, 2, NODES)
    assert list(train.seconds) == [Phase.ADVERTISE, Phase.SHARE, Phase.MASK, Phase.UNMASK]
    assert min(train.sent, train.received) > 0
