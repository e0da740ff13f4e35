"""What a server adds up of one round's uploads besides the masked part; it keeps sums, not uploads."""

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.exchange import Clear, Sealed, Upload, WireError
from gradveil.fl.contribution import MASKED
from gradveil.fl.messages import Terms
from gradveil.fl.parties import ServerParties
from gradveil.plan import Plan
from he.frames import peek


class Sums:
    """Running sums of the encrypted and of the readable parts.

    Args:
        plan: says which parts an upload has.
        terms: of the round.
        parties: the server's.

    Attributes:
        clients: who is in the sums.
        clear: sum of the readable parts, float64.
    """

    def __init__(self, plan: Plan, terms: Terms, parties: ServerParties) -> None:
        self._split, self._params = plan.split(terms.purpose), plan.encryption
        self.clients: set[str] = set()
        self.clear: NDArray[np.float64] = np.zeros(self._split.clear.size)
        self._encrypted: he.Accumulator | None = None
        if self._split.encrypted.size and parties.key is not None and parties.identity is not None:
            self._encrypted = he.Accumulator(
                parties.key,
                plan.binding(terms.round),
                roster=parties.roster,
                identity=parties.identity,
                min_contributors=plan.min_clients,
            )

    def add(self, upload: Upload) -> None:
        """Add an upload's parts, all or none, but the masked one, which `secagg` adds.

        Raises:
            WireError: other parts or coordinates than the plan's, or somebody else's ciphertext.
            GradveilError: as `he.Accumulator.add`.
        """
        encrypted, clear = self._parts(upload)
        if self._encrypted is not None and encrypted is not None:
            _require_author(encrypted.payload, upload.client)
            self._encrypted.add(encrypted.payload)
        if clear is not None:
            self.clear += clear.values
        self.clients.add(upload.client)

    def close(self) -> bytes:
        """The signed sum of ciphertexts, empty without encryption; TooFewClientsError below the floor."""
        return b"" if self._encrypted is None else self._encrypted.close()

    def _parts(self, upload: Upload) -> tuple[Sealed | None, Clear | None]:
        split, left = self._split, list(upload.parts)
        scheme = "" if self._params is None else self._params.scheme
        encrypted = _take(left, split.encrypted, scheme)
        _take(left, split.masked, MASKED)
        clear = left.pop(0) if split.clear.size and left else None
        if clear is not None and not (isinstance(clear, Clear) and _same(clear.coords, split.clear)):
            raise WireError(f"{upload.client!r} sent readable values that the plan does not ask for; drop it")
        if left or (clear is None) != (split.clear.size == 0):
            raise WireError(f"{upload.client!r} sent other parts than the plan's; give both the same plan")
        return encrypted, clear if isinstance(clear, Clear) else None


def masked_of(upload: Upload) -> bytes:
    """The masked input of an upload, empty if it has none."""
    found = (part.payload for part in upload.parts if isinstance(part, Sealed) and part.scheme == MASKED)
    return next(found, b"")


def _take(left: list[Sealed | Clear], coords: NDArray[np.int64], scheme: str) -> Sealed | None:
    if not coords.size:
        return None
    part = left.pop(0) if left else None
    if not isinstance(part, Sealed) or part.scheme != scheme or not _same(part.coords, coords):
        raise WireError(f"no part under {scheme!r} where the plan has one; give both the same plan")
    return part


def _same(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> bool:
    return np.array_equal(found, wanted)


def _require_author(frame: bytes, client: str) -> None:
    if peek(frame).sender != client:
        raise WireError(f"{client!r} sent another client's ciphertext; drop it")
