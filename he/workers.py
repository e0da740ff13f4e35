"""A pool of processes that encrypt parts of one vector.

SEAL's binding holds Python's lock, so threads would wait for each other. Values go in and ciphertexts come
out through shared memory. The processes are spawned, not forked, and hold the key while the pool lives.
"""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from types import TracebackType
from typing import Self

import numpy as np

from gradveil.parties.errors import KeyRoleError
from he.bodies import Floats, encrypt_chunks
from he.errors import WorkersError
from he.keys import ClientKey, PublicKey
from he.keys.scope import Scope
from he.params import Params
from he.schemes import Encryptor

_PARTS_EACH = 4
"""Parts of a vector for each process, so that a slow one does not hold up the others."""


class Workers:
    """Processes that encrypt under one key; a context manager.

    Raises:
        KeyRoleError: a key that does not encrypt.
    """

    def __init__(self, key: ClientKey | PublicKey, processes: int | None = None) -> None:
        self.processes = processes or os.cpu_count() or 1
        self._key = key
        self._pool = ProcessPoolExecutor(
            self.processes,
            mp_context=get_context("spawn"),
            initializer=_start,
            initargs=key._encrypting(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the processes; idempotent."""
        self._pool.shutdown(cancel_futures=True)

    def encrypt(self, key: ClientKey | PublicKey, values: Floats) -> bytes:
        """The ciphertexts of values (n,) that are finite and within `params.max_abs`.

        Raises:
            KeyRoleError: another key than the pool was started with.
            WorkersError: a process died; nothing was sent.
        """
        if key is not self._key:
            raise KeyRoleError("these workers hold another key; start workers with the key that encrypts")
        size = key.params.upload_bytes(values.size)
        with _shared(values.nbytes) as source, _shared(size) as target:
            np.ndarray(values.shape, values.dtype, _view(source))[:] = values
            self._run(values, source.name, target.name)
            return bytes(_view(target)[:size])

    def _run(self, values: Floats, source: str, target: str) -> None:
        parts = _parts(values.size, self._key.params.values_per_chunk, self.processes * _PARTS_EACH)
        form = values.size, values.dtype.str
        try:
            tasks = [self._pool.submit(_encrypt_part, source, target, *form, *part) for part in parts]
            for task in tasks:
                task.result()
        except RuntimeError as error:  # a broken or a closed pool
            raise WorkersError(f"the workers are gone ({error}); start new workers") from error


class _State:
    """What one worker process holds."""

    params: Params
    encryptor: Encryptor


def _start(kind: type[ClientKey] | type[PublicKey], scope: Scope, material: bytes) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    key = kind(scope, material)
    _State.params, _State.encryptor = scope.params, key.encryptor


def _encrypt_part(source: str, target: str, count: int, dtype: str, start: int, stop: int) -> None:
    params, inputs, outputs = _State.params, SharedMemory(source), SharedMemory(target)
    values = np.ndarray((count,), np.dtype(dtype), _view(inputs))[start:stop]
    first = _offset(params, start)
    body = _view(outputs)[first : first + params.upload_bytes(stop - start)]
    try:
        _fill(body, encrypt_chunks(_State.encryptor, values, params))
    finally:
        # A mapping cannot be closed while views into it are alive.
        body.release()
        del values
        inputs.close()
        outputs.close()


def _fill(body: memoryview, chunks: Iterator[bytes]) -> None:
    end = 0
    for chunk in chunks:
        body[end : end + len(chunk)] = chunk
        end += len(chunk)


def _view(memory: SharedMemory) -> memoryview:
    assert memory.buf is not None  # noqa: S101 - only a closed memory has none
    return memory.buf


def _offset(params: Params, start: int) -> int:
    """Where the ciphertexts of the values from `start`, a multiple of a chunk, begin."""
    return params.upload_bytes(start) if start else 0


def _parts(count: int, chunk: int, wanted: int) -> list[tuple[int, int]]:
    """At most `wanted` ranges of whole chunks that cover `count` values."""
    chunks = -(-count // chunk)
    step = -(-chunks // wanted) * chunk
    return [(start, min(start + step, count)) for start in range(0, count, step)]


@contextmanager
def _shared(size: int) -> Iterator[SharedMemory]:
    memory = SharedMemory(create=True, size=size)
    try:
        yield memory
    finally:
        memory.close()
        memory.unlink()
