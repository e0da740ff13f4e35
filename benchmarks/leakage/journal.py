"""Finished runs on disk, so that an interrupted experiment goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

Key = dict[str, Any]


class Journal:
    """One JSON line a finished run: its key and what came out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self._done = dict(found for line in lines if (found := _parsed(line)))

    def get(self, key: Key) -> dict[str, Any] | None:
        """What came out of this run before, if it finished."""
        return self._done.get(_text(key))

    def add(self, key: Key, result: dict[str, Any]) -> dict[str, Any]:
        """Remember a finished run."""
        with self.path.open("a") as file:
            file.write(json.dumps({"key": key, "result": result}) + "\n")
        self._done[_text(key)] = result
        return result


def _parsed(line: str) -> tuple[str, dict[str, Any]] | None:
    """A run of the journal; none from a line that an interruption cut off."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return None
    return _text(record["key"]), record["result"]


def _text(key: Key) -> str:
    return json.dumps(key, sort_keys=True)
