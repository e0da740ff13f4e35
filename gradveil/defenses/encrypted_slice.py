"""Some coordinates of a round under homomorphic encryption: the part that two defenses share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.defenses.base import DefenseError
from gradveil.exchange import Coords, Part, Sealed, Selection, Upload

_SERVER = "server"
_ROUND = 0


@dataclass(frozen=True, eq=False)
class Opened:
    """Sums of contributions at the slice's coordinates, float64 (n,), and whose they are."""

    values: NDArray[np.float64]
    clients: frozenset[str]


class EncryptedSlice:
    """Keys, identities and roster of one round for contributions at `coords`.

    Args:
        clients: who takes part.
        selection: that all parties agreed on.
        coords: the coordinates to encrypt, of the layout's contribution.
        params: of the encryption.
        max_weight: contributions are divided by the power of two above it, so that an update of magnitude
            `params.max_abs` fits whatever its weight.
        min_clients: fewest clients in a sum.

    Attributes:
        client_seconds: of all clients, encrypting.
        server_seconds: of the server, adding.
    """

    def __init__(
        self,
        clients: Sequence[str],
        selection: Selection,
        coords: Coords,
        params: he.Params,
        max_weight: int,
        min_clients: int,
    ) -> None:
        self.client_seconds = self.server_seconds = 0.0
        self._coords, self._scheme = coords, params.scheme
        self._unit = 2.0 ** math.ceil(math.log2(max_weight))
        self._min_clients = min_clients
        self._binding = he.Binding(_ROUND, selection.layout.hash, selection.hash, coords.size)
        self._client_key = he.ClientKey.generate(params, "one round")
        self._encryption_key = _encryption_key(self._client_key)
        self._identities = {name: he.Identity.generate(name) for name in clients}
        self._server = he.Identity.generate(_SERVER)
        self._roster = he.Roster.of(self._identities.values(), self._server)
        self._decryptor = he.Decryptor(self._client_key, self._roster, min_contributors=min_clients)

    def protect(self, client: str, contribution: NDArray[np.float32]) -> Sealed:
        """The client's signed frame of its contribution's slice."""
        start = perf_counter()
        values = contribution[self._coords].astype(np.float64) / self._unit
        identity = self._identities[client]
        frame = he.encrypt(self._encryption_key, values, identity=identity, binding=self._binding)
        self.client_seconds += perf_counter() - start
        return self._sealed(frame)

    def aggregate(self, uploads: Sequence[Upload]) -> Sealed:
        """The server's signed sum; DefenseError for a frame of somebody else than the uploader."""
        start = perf_counter()
        accumulator = he.Accumulator(
            self._client_key.server_key(),
            self._binding,
            roster=self._roster,
            identity=self._server,
            min_contributors=self._min_clients,
        )
        for upload in uploads:
            if accumulator.add(self._frame_of(upload.parts)) != upload.client:
                raise DefenseError(f"client {upload.client!r} sent another client's ciphertext; drop it")
        frame = accumulator.close()
        self.server_seconds += perf_counter() - start
        return self._sealed(frame)

    def recover(self, parts: Sequence[Part]) -> Opened:
        """What a key holder reads of the sum; raises as `he.Decryptor.decrypt` does."""
        found = self._decryptor.decrypt(self._frame_of(parts), self._binding)
        return Opened(found.values * self._unit, frozenset(found.contributors))

    def _sealed(self, frame: bytes) -> Sealed:
        return Sealed(self._coords, self._scheme, frame)

    def _frame_of(self, parts: Sequence[Part]) -> bytes:
        for part in parts:
            if isinstance(part, Sealed) and part.scheme == self._scheme:
                return part.payload
        raise DefenseError(f"no part under {self._scheme}; the other side runs another defense")


def _encryption_key(key: he.ClientKey) -> he.ClientKey | he.PublicKey:
    shared = key.params.encryption is he.Encryption.SHARED_KEY
    return key if shared else key.public_key()
