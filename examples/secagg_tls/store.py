"""Where a server's round is kept between phases, and its result at the end."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradveil.exchange import wire
from gradveil.exchange.files import write_atomically
from secagg import Aggregate, RoundConfig, snapshots
from secagg.server_states import ServerState

_KIND, _VERSION, _MAX_BYTES = "example-snapshot", 1, 1 << 30


class Store:
    """Files in the server's folder, whole or not there.

    A snapshot is the state at the beginning of a phase and the questions that open it. No answer to them is
    in it yet, so it holds no shares of secrets but sealed ones.
    """

    def __init__(self, folder: Path) -> None:
        self._snapshot = folder / "snapshot"
        self._result = folder / "result.json"

    def save(self, state: ServerState, questions: Mapping[str, bytes], config: RoundConfig) -> None:
        """Replace the snapshot; what was asked before it is on disk would be asked twice."""
        asked = [[name, question] for name, question in sorted(questions.items())]
        packed = wire.pack(_KIND, _VERSION, [snapshots.server_to_bytes(state, config), asked])
        write_atomically(self._snapshot, packed, mode=0o600)

    def load(self, config: RoundConfig) -> tuple[ServerState, dict[str, bytes]] | None:
        """State and questions to go on with, None at the beginning; raises as `server_from_bytes` does."""
        if not self._snapshot.exists():
            return None
        data = self._snapshot.read_bytes()
        state, asked = wire.unpack(data, _KIND, _VERSION, (bytes, list), max_bytes=_MAX_BYTES)
        return snapshots.server_from_bytes(state, config), dict(asked)

    def finish(self, aggregate: Aggregate) -> None:
        """Write the result, then forget the round."""
        result = {
            "survivors": sorted(aggregate.survivors),
            "sum": [int(value) for value in aggregate.ring_total],
            "suspects": sorted(aggregate.suspects),
        }
        write_atomically(self._result, json.dumps(result).encode(), mode=0o600)
        self.forget()

    def forget(self) -> None:
        """Remove the snapshot of a round that is over."""
        self._snapshot.unlink(missing_ok=True)

    def result(self) -> dict[str, Any] | None:
        """What `finish` wrote."""
        return dict(json.loads(self._result.read_bytes())) if self._result.exists() else None
