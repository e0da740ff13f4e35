"""The peer: Flower's SecAggPlusWorkflow and secaggplus_mod, all stages, through a grid within this process.

Counted in the peer's favour: messages cross as objects, so that only vectors and keys are serialised, and the
memory of its server is that of adding up the vectors, without the unmasking.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.client.mod import secaggplus_mod
from flwr.common import Code, FitIns, FitRes, Parameters, Status, ndarrays_to_parameters
from flwr.common import parameters_to_ndarrays as to_arrays
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage
from flwr.compat.common import recorddict_compat as compat
from flwr.server import LegacyContext
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD
from flwr.server.workflow.constant import Key as WorkflowKey
from flwr.supercore.task_identity import TaskIdentity
from numpy.typing import NDArray

from gradveil.bench.memory import MeasurementError
from gradveil.bench.secagg_contender import CLIP, Notes, Vectors
from gradveil.bench.secagg_plan import SecAggMetric
from secagg import default_threshold

_NOTED = {
    Stage.SHARE_KEYS: SecAggMetric.CLIENT_SHARE,
    Stage.COLLECT_MASKED_VECTORS: SecAggMetric.CLIENT_MASK,
}


class Flower:
    """Its defaults, but for the complete graph, our threshold and equal weights."""

    def __init__(self, repetitions: int) -> None:
        many = "1 repetition" if repetitions == 1 else f"{repetitions} repetitions"
        self.name = f"SecAgg+ end to end, in-process grid, {many}:"
        self.package = f"flwr {version('flwr')}"

    def run(self, vectors: Vectors, dropped: int, notes: Notes) -> NDArray[np.floating]:
        """See `Contender.run`."""
        clients = {number: _Client(number, vector) for number, vector in enumerate(vectors, start=1)}
        grid = _Grid(clients, dropped, notes)
        strategy = _Strategy(grid, notes)
        with quiet():
            workflow(len(vectors))(grid, context(strategy))
        if strategy.mean is None:
            raise MeasurementError("Flower's round failed; try another version of flwr")
        return strategy.mean


class _Client:
    """A ClientApp that was trained before: the mod asks it for its update."""

    def __init__(self, number: int, vector: NDArray[np.float32]) -> None:
        self._context = Context(1, number, {}, RecordDict(), {})
        self.size = vector.size
        self._update = reply_of([vector])

    def handle(self, message: Message) -> Message:
        return secaggplus_mod(message, self._context, self._train)

    def _train(self, message: Message, _: Context) -> Message:
        return Message(self._update, reply_to=message)


class _Grid:
    """Carries messages to the clients one by one; the first ones vanish before they send a vector."""

    def __init__(self, clients: dict[int, _Client], dropped: int, notes: Notes) -> None:
        self.clients, self._dropped, self._notes = clients, dropped, notes
        self.answered = 0.0

    def send_and_receive(self, messages: Sequence[Message], *, timeout: float | None) -> list[Message]:
        replies = [self._ask(message) for message in messages if self._is_alive(message)]
        self.answered = perf_counter()
        return replies

    def _is_alive(self, message: Message) -> bool:
        late = _stage(message) in (Stage.COLLECT_MASKED_VECTORS, Stage.UNMASK)
        return not late or message.metadata.dst_node_id > self._dropped

    def _ask(self, message: Message) -> Message:
        client, stage = self.clients[message.metadata.dst_node_id], _stage(message)
        arrived = _copy(message)
        start = perf_counter()
        reply = client.handle(arrived)
        seconds = perf_counter() - start
        if stage in _NOTED:
            self._notes.note(_NOTED[stage], seconds)
        if stage == Stage.COLLECT_MASKED_VECTORS:
            self._notes.note(SecAggMetric.UPLINK, _vector_bytes(reply) / client.size)
        return reply


class _Strategy:
    """Picks all clients; takes the time from the last answer to the mean."""

    def __init__(self, grid: _Grid, notes: Notes) -> None:
        self._grid, self._notes = grid, notes
        self.mean: NDArray[np.floating] | None = None

    def configure_fit(self, *_: object) -> list[tuple[Any, FitIns]]:
        instructions = FitIns(Parameters([], ""), {})
        return [(SimpleNamespace(node_id=number), instructions) for number in self._grid.clients]

    def aggregate_fit(self, _: int, results: Sequence[tuple[Any, FitRes]], __: object) -> tuple[None, None]:
        self._notes.note(SecAggMetric.SERVER_UNMASK, perf_counter() - self._grid.answered)
        (self.mean,) = to_arrays(results[0][1].parameters)
        return None, None


def workflow(clients: int) -> SecAggPlusWorkflow:
    """The complete graph with our threshold."""
    return SecAggPlusWorkflow(
        num_shares=1.0,
        reconstruction_threshold=default_threshold(clients),
        max_weight=1.0,
        clipping_range=CLIP,
    )


def context(strategy: object) -> LegacyContext:
    """What the workflow needs to know of its run."""
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
    state = RecordDict()
    state[MAIN_CONFIGS_RECORD] = ConfigRecord({WorkflowKey.CURRENT_ROUND: 1})
    state[MAIN_PARAMS_RECORD] = compat.parameters_to_arrayrecord(Parameters([], ""), keep_input=True)
    manager = SimpleNamespace(num_available=lambda: 0)
    return LegacyContext(Context(1, 1, {}, state, {}), strategy=strategy, client_manager=manager)


def reply_of(arrays: Sequence[NDArray[Any]]) -> RecordDict:
    """What a client answers that was trained on one example."""
    result = FitRes(Status(Code.OK, ""), ndarrays_to_parameters(list(arrays)), 1, {})
    return compat.fitres_to_recorddict(result, keep_input=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Flower's log says that rounds begin and end."""
    logger = logging.getLogger("flwr")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _copy(message: Message) -> Message:
    """As it arrives: the mod takes the stage out of its copy."""
    content = RecordDict({RECORD_KEY_CONFIGS: ConfigRecord(dict(_configs(message)))})
    to = message.metadata
    return Message(content, to.dst_node_id, to.message_type, group_id=to.group_id)


def _configs(message: Message) -> ConfigRecord:
    return message.content.config_records[RECORD_KEY_CONFIGS]


def _stage(message: Message) -> str:
    return str(_configs(message)[Key.STAGE])


def _vector_bytes(reply: Message) -> int:
    return sum(len(array) for array in _configs(reply)[Key.MASKED_PARAMETERS])
