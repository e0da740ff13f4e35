"""The server's side of Flower: a wrapper around any strategy that averages."""

import logging
from collections.abc import Callable, Iterable

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from gradveil.fl.errors import PlanMismatchError
from gradveil.fl.flower.grid import ProtectedGrid
from gradveil.fl.flower.records import layout_of
from gradveil.fl.flower.reports import RoundReport
from gradveil.fl.flower.settings import Settings
from gradveil.fl.parties import ServerParties
from gradveil.plan import Plan

log = logging.getLogger("gradveil.fl.flower")

Evaluate = Callable[[int, ArrayRecord], MetricRecord | None]

# What they do to each client's update cannot be done to a sum, and would be done to it without a word.
_PER_CLIENT = (
    "Bulyan",
    "DifferentialPrivacyClientSideAdaptiveClipping",
    "DifferentialPrivacyServerSideAdaptiveClipping",
    "DifferentialPrivacyServerSideFixedClipping",
    "FedMedian",
    "FedTrimmedAvg",
    "FedXgbBagging",
    "FedXgbCyclic",
    "Krum",
    "MultiKrum",
    "QFedAvg",
)


class ProtectedStrategy(Strategy):
    """`ProtectedStrategy(FedAvg(...), plan, parties).start(grid=grid, ...)`.

    The inner strategy chooses nodes and configuration, and aggregates one reply that stands for all of them.
    Coordinates that the plan encrypts stay as they were in the server's own copy of the model.

    Args:
        inner: any strategy that works on the mean of its replies.
        plan: of the job.
        parties: the server's.
        settings: of the operator.

    Raises:
        PlanMismatchError: a strategy that looks at single updates.
    """

    def __init__(
        self, inner: Strategy, plan: Plan, parties: ServerParties, settings: Settings | None = None
    ) -> None:
        _require_mean(inner)
        parties.require_fits(plan)
        self.inner, self._plan, self._parties = inner, plan, parties
        self._settings = settings or Settings()
        self._done = 0
        self._grid: ProtectedGrid | None = None

    @property
    def reports(self) -> list[RoundReport]:
        """How the rounds of this process went."""
        return [] if self._grid is None else self._grid.reports

    @property
    def sealed_model(self) -> bytes:
        """The encrypted part of the model, which this server cannot read; empty if there is none."""
        return b"" if self._grid is None else self._grid.sealed_model

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord,
        num_rounds: int = 3,
        timeout: float = 3600,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: Evaluate | None = None,
    ) -> Result:
        """As Flower's, or the rest of it after a restart; `num_rounds` counts from the very first one.

        Raises:
            LayoutMismatchError: another model than the plan's.
            GradveilError: as `ProtectedGrid.send_and_receive`.
        """
        self._plan.layout.require_same(layout_of(initial_arrays))
        self._grid = ProtectedGrid(grid, self._plan, self._parties, self._settings)
        self._done = self._grid.memory.finished
        arrays = self._grid.memory.arrays or initial_arrays
        if self._done:
            log.info("going on after round %d of %d", self._done, num_rounds)
        return super().start(
            self._grid,
            arrays,
            num_rounds - self._done,
            timeout,
            train_config,
            evaluate_config,
            self._shifted(evaluate_fn),
        )

    def summary(self) -> None:
        """Log the plan, then the inner strategy's own summary."""
        plan = self._plan
        shares = (plan.encrypted.ratio, float(plan.masked.mean()), plan.clear.ratio, plan.dropped.ratio)
        log.info("plan %s, weights %s", plan.hash.hex(), plan.weight)
        log.info("encrypted, masked, clear, dropped: %s", ", ".join(f"{share:.1%}" for share in shares))
        self.inner.summary()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """The inner strategy's."""
        return self.inner.configure_train(server_round + self._done, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The inner strategy's, of the one reply; the result is remembered."""
        arrays, metrics = self.inner.aggregate_train(server_round + self._done, replies)
        if self._grid is not None:
            self._grid.finish(server_round + self._done, arrays)
        return arrays, metrics

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """The inner strategy's."""
        return self.inner.configure_evaluate(server_round + self._done, arrays, config, grid)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """The inner strategy's, of the one reply."""
        return self.inner.aggregate_evaluate(server_round + self._done, replies)

    def _shifted(self, evaluate: Evaluate | None) -> Evaluate | None:
        if evaluate is None:
            return None
        return lambda server_round, arrays: evaluate(server_round + self._done, arrays)


def _require_mean(strategy: Strategy) -> None:
    """Also of what a wrapper wraps."""
    names = {kind.__name__ for kind in type(strategy).__mro__}
    if found := sorted(names & set(_PER_CLIENT)):
        raise PlanMismatchError(
            f"{found[0]} works on each client's own update, which this server never sees; use a strategy "
            "that averages, such as FedAvg, FedProx, FedAdam or FedYogi"
        )
    if hasattr(strategy, "strategy"):
        _require_mean(strategy.strategy)
