"""The folder of one run: records.jsonl, one line a trial, and the pictures of each trial."""

import io
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.files import write_atomically
from gradveil.records.record import Record, RecordError, from_json

Images = NDArray[np.float32]


class RecordStore:
    """Append-only records of one run. One process writes at a time; others may read meanwhile."""

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / "records.jsonl"
        self._pictures = run_dir / "pictures"
        self._keys: frozenset[str] | None = None

    def append(self, record: Record) -> None:
        """Add one line and flush it to disk; RecordError when its key is already there."""
        line = record.to_json()
        keys = self._repaired_keys() if self._keys is None else self._keys
        if record.key in keys:
            raise RecordError(f"{self.path} already holds a record with key {record.key}; skip that trial")
        self._keys = None  # if the write fails halfway, the next append must cut its tail off again
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._keys = keys | {record.key}

    def load(self) -> list[Record]:
        """All whole records, in the order written; none when the run has not begun.

        A last line without its newline is what a killed process leaves; it is ignored, and the next `append`
        removes it. RecordError names file and line of any other damage, and of a repeated key.
        """
        records: list[Record] = []
        seen: set[str] = set()
        for number, line in enumerate(self._whole_lines(), start=1):
            record = self._parse(number, line)
            if record.key in seen:
                raise RecordError(f"{self.path}:{number}: key {record.key} is repeated; remove one line")
            seen.add(record.key)
            records.append(record)
        return records

    def pictures_path(self, key: str) -> Path:
        """Where the pictures of the trial `key` are, or will be."""
        return self._pictures / f"{key}.npz"

    def save_pictures(self, key: str, truth: Images, found: Images) -> None:
        """Store true and reconstructed images, each float32 [B, C, H, W] in [0, 1] with C 1 or 3."""
        _require_images(key, truth, found)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, truth=truth, found=found)
        write_atomically(self.pictures_path(key), buffer.getvalue())

    def load_pictures(self, key: str) -> tuple[Images, Images]:
        """The images (truth, found) of one trial; RecordError when they are missing or damaged."""
        path = self.pictures_path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                truth, found = arrays["truth"], arrays["found"]
        except FileNotFoundError as error:
            raise RecordError(f"{path} is missing; run that trial again") from error
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RecordError(f"{path} is damaged ({error}); run that trial again") from error
        _require_images(key, truth, found)
        return truth, found

    def _whole_lines(self) -> list[bytes]:
        data = self.path.read_bytes() if self.path.exists() else b""
        return data.split(b"\n")[:-1]

    def _parse(self, number: int, line: bytes) -> Record:
        try:
            return from_json(line.decode())
        except (UnicodeDecodeError, RecordError) as error:
            raise RecordError(f"{self.path}:{number}: {error}; repair or remove that line") from error

    def _repaired_keys(self) -> frozenset[str]:
        keys = frozenset(record.key for record in self.load())
        if self.path.exists():
            os.truncate(self.path, sum(len(line) + 1 for line in self._whole_lines()))
        return keys


def _require_images(key: str, truth: Images, found: Images) -> None:
    for name, images in (("truth", truth), ("found", found)):
        shape = list(images.shape)
        if images.dtype != np.float32 or len(shape) != 4 or shape[1] not in (1, 3) or not images.size:
            raise RecordError(f"pictures {key}: {name} is {images.dtype} {shape}, not float32 [B, 1|3, H, W]")
        if not (images.min() >= 0 and images.max() <= 1):
            raise RecordError(f"pictures {key}: {name} has values outside [0, 1]; clamp them first")
    if truth.shape != found.shape:
        raise RecordError(f"pictures {key}: truth {list(truth.shape)} and found {list(found.shape)} differ")
