"""The speed limit of masking: raw AES-256-CTR keystream, added to a vector, with no protocol around it."""

from time import perf_counter

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gradveil.bench.secagg_contender import Notes
from gradveil.bench.secagg_plan import Cohort, SecAggMetric

NAME, PACKAGE = "AES-256-CTR and add:", "cryptography"

_CHUNK = 1 << 18  # bytes, the fastest size measured
_ZEROS = memoryview(bytes(_CHUNK))
_REPETITIONS = 3


def measure_limit(cohort: Cohort, notes: Notes) -> None:
    """Seconds for the masks of one client of the complete graph: one for each peer, and its own."""
    total = np.ones(cohort.values, dtype=np.uint32)
    for _ in range(_REPETITIONS):
        start = perf_counter()
        _add_keystream(total, cohort.clients)
        notes.note(SecAggMetric.AES_LIMIT, perf_counter() - start)


def _add_keystream(total: np.ndarray[tuple[int], np.dtype[np.uint32]], times: int) -> None:
    cipher = Cipher(algorithms.AES(bytes(32)), modes.CTR(bytes(16))).encryptor()
    buffer, size = bytearray(_CHUNK + 15), _CHUNK // total.itemsize
    for start in list(range(0, total.size, size)) * times:
        part = total[start : start + size]
        cipher.update_into(_ZEROS[: part.nbytes], buffer)
        np.add(part, np.frombuffer(buffer, dtype=np.uint32, count=part.size), out=part)
