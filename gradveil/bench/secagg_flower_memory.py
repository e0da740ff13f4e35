"""The memory of Flower's server, alone in a process: the stage that collects masked vectors."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common import ndarray_to_bytes
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.proto.recorddict_pb2 import RecordDict as ProtoRecordDict
from flwr.server.workflow.secure_aggregation.secaggplus_workflow import WorkflowState

from gradveil.bench.plan import Size
from gradveil.bench.secagg_flower import context, quiet, reply_of, workflow
from gradveil.bench.server_files import UPLOAD

_MODULUS = 2**32


def save_round(folder: Path, size: Size) -> None:
    """One masked vector for all clients: memory does not depend on what is in it."""
    masked = np.random.default_rng(0).integers(_MODULUS, size=size.values, dtype=np.int64)
    content = reply_of([])
    parts = [ndarray_to_bytes(array) for array in (np.array([1]), masked)]
    content[RECORD_KEY_CONFIGS] = ConfigRecord({Key.MASKED_PARAMETERS: parts})
    first = folder / UPLOAD.format(0)
    first.write_bytes(recorddict_to_proto(content).SerializeToString())
    for client in range(1, size.clients):
        (folder / UPLOAD.format(client)).hardlink_to(first)


def open_server(folder: Path) -> "_Collecting":
    """The server of `save_round`."""
    return _Collecting()


class _Collecting:
    """Holds replies until all are there, as `Grid.send_and_receive` does; then the workflow takes over."""

    def __init__(self) -> None:
        self._replies: list[RecordDict] = []

    def add(self, data: bytes, /) -> None:
        self._replies.append(recorddict_from_proto(ProtoRecordDict.FromString(data)))

    def close(self) -> bytes:
        state = _state(len(self._replies))
        with quiet():
            workflow(len(self._replies)).collect_masked_vectors_stage(self, context(None), state)
        return bytes(ndarray_to_bytes(state.aggregate_ndarrays[1]))

    def send_and_receive(self, messages: Sequence[Message], *, timeout: float | None) -> list[Message]:
        contents, self._replies = self._replies, []
        return [Message(content, reply_to=to) for content, to in zip(contents, messages, strict=True)]


def _state(clients: int) -> WorkflowState:
    """After the clients have shared their keys."""
    numbers = range(1, clients + 1)
    return WorkflowState(
        nid_to_proxies={number: SimpleNamespace(node_id=number) for number in numbers},
        nid_to_fitins={number: RecordDict() for number in numbers},
        sampled_node_ids=set(numbers),
        active_node_ids=set(numbers),
        mod_range=_MODULUS,
        nid_to_neighbours={number: set(numbers) for number in numbers},
        forward_srcs={number: [] for number in numbers},
        forward_ciphertexts={number: [] for number in numbers},
    )
