"""Flower's simulation runtime with the ClientApps in this process: its grid, link state and contexts, no Ray.

Small jobs start at once instead of after Ray. It uses modules of Flower that are not its public interface; if
a later version moves them, `flwr run` with the Ray backend does the same.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from flwr.app import Context, Message, RecordDict, UserConfig
from flwr.clientapp import ClientApp
from flwr.common.constant import NUM_PARTITIONS_KEY, PARTITION_ID_KEY, SUPERLINK_NODE_ID
from flwr.compat.client.run_info_store import DeprecatedRunInfoStore, RunInfo
from flwr.proto.task_pb2 import Task
from flwr.server.superlink.fleet.vce import vce_api
from flwr.server.superlink.fleet.vce.backend import Backend
from flwr.server.superlink.fleet.vce.metrics import VceMetrics
from flwr.server.superlink.linkstate import LinkStateFactory
from flwr.server.superlink.linkstate.in_memory_linkstate import RunRecord
from flwr.serverapp import ServerApp
from flwr.supercore.constant import FLWR_IN_MEMORY_DB_NAME, NOOP_FEDERATION_ID
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager
from flwr.superlink.grid import InMemoryGrid

_TASK = 1
_ID_BITS = 62

NodeConfig = Callable[[int], Mapping[str, str | int | float | bool]]
"""From a partition's number to more entries of its node config."""


def simulate(
    server_app: ServerApp,
    client_app: ClientApp,
    nodes: int,
    *,
    run_config: Mapping[str, str | int | float | bool] | None = None,
    node_config: NodeConfig | None = None,
    workers: int = 1,
) -> Context:
    """Run both apps to the end and return the server's context.

    Args:
        server_app: runs in the calling thread.
        client_app: handles every node's messages, each with that node's context.
        nodes: how many; their partition-ids count from 0.
        run_config: of both apps.
        node_config: see `NodeConfig`.
        workers: messages that are handled at the same time.

    Raises:
        Exception: what the server app raises; a client app's errors go to the server as replies.
    """
    factory = LinkStateFactory(FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), ObjectStoreFactory())
    run, config = _registered_run(factory), dict(run_config or {})
    more = node_config or (lambda _: {})
    grid, stop = InMemoryGrid(factory), threading.Event()
    grid.set_run(run)
    partitions = vce_api._register_nodes(nodes, factory)
    stores = {
        node: _store(run, node, {PARTITION_ID_KEY: place, NUM_PARTITIONS_KEY: nodes, **more(place)}, config)
        for node, place in partitions.items()
    }
    arguments = (lambda: client_app, lambda: _InProcess(workers), partitions, factory, stores, stop)
    clients = threading.Thread(target=vce_api.run_api, args=(*arguments, VceMetrics()))
    clients.start()
    context = Context(run.run_id, SUPERLINK_NODE_ID, {}, RecordDict(), config)
    try:
        server_app(grid, context)
    finally:
        stop.set()
        clients.join()
    return context


def _registered_run(factory: LinkStateFactory) -> Run:
    run: Any = Run.create_empty(run_id=secrets.randbits(_ID_BITS))
    run.primary_task_id, run.federation_id = _TASK, NOOP_FEDERATION_ID
    state = factory.state()
    state.run_ids[run.run_id] = RunRecord(run=run)
    state.task_store[_TASK] = Task(task_id=_TASK, run_id=run.run_id)
    # Messages take their origin from here.
    TaskIdentity.task_id, TaskIdentity.run_id = _TASK, run.run_id
    TaskIdentity.node_id = SUPERLINK_NODE_ID
    return run


def _store(run: Run, node: int, node_config: UserConfig, run_config: UserConfig) -> DeprecatedRunInfoStore:
    store = DeprecatedRunInfoStore(node, node_config)
    context = Context(run.run_id, node, node_config, RecordDict(), dict(run_config))
    store.run_infos[run.run_id] = RunInfo(context, dict(run_config))
    return store


class _InProcess(Backend):
    """Calls the ClientApp in the worker's thread."""

    def __init__(self, workers: int) -> None:
        super().__init__({})
        self._workers = workers
        self._app: Callable[[], ClientApp] | None = None

    def build(self, app_fn: Callable[[], ClientApp]) -> None:
        self._app = app_fn

    @property
    def num_workers(self) -> int:
        return self._workers

    def is_worker_idle(self) -> bool:
        return True

    def terminate(self) -> None:
        """Threads end with the runtime."""

    def process_message(self, message: Message, context: Context) -> tuple[Message, Context]:
        assert self._app is not None  # noqa: S101 - the runtime builds first
        return self._app()(message, context), context
