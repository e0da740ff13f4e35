"""Selective encryption: the selected coordinates travel under CKKS, the rest in the clear."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

import he
from gradveil.defenses.base import Defense, DefenseError, Session
from gradveil.defenses.clear import clear_part, clear_sum
from gradveil.exchange import Download, Layout, Part, Sealed, Selection, Update, Upload

SCHEME = "ckks"


@dataclass(frozen=True)
class SelectiveCkks(Defense):
    """CKKS on a selection fixed for the round; the weight is encrypted with it.

    All clients share one secret key that the server never holds, so one client that joins the server reads
    every client's slice. Contributions are scaled by the power of two above `max_weight` before encryption,
    so that an update of magnitude `params.max_abs` fits whatever its weight.
    """

    selection: Selection
    params: he.CkksParams = field(default_factory=he.CkksParams)
    max_weight: int = 64
    name: ClassVar[str] = "selective_ckks"
    min_clients: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if not self.selection.mask.any():
            raise DefenseError("the selection is empty; raise the ratio, or use identity to encrypt nothing")
        if self.max_weight < 1:
            raise DefenseError("max_weight must be at least 1; set it to the most examples of a client")

    @property
    def claim(self) -> str:
        """Security level and share of the selection."""
        return (
            f"{self.selection.ratio:.1%} of the coordinates under CKKS at {self.params.security_bits} bits "
            f"(N={self.params.poly_degree}, log q={self.params.log_q}) against a server without the clients' "
            "shared key; the rest is plaintext"
        )

    def open(self, clients: Sequence[str], layout: Layout, rng: np.random.Generator) -> Session:
        """A round under a fresh key."""
        layout.require_same(self.selection.layout)
        unit = 2.0 ** math.ceil(math.log2(self.max_weight))
        return _CkksSession(clients, self.selection, self.params, unit, self.min_clients)


class _CkksSession(Session):
    def __init__(
        self,
        clients: Sequence[str],
        selection: Selection,
        params: he.CkksParams,
        unit: float,
        min_clients: int,
    ) -> None:
        super().__init__(clients, selection.layout, min_clients)
        self._unit = unit
        self._client_key = he.ClientKey.generate(params)
        self._server_key = self._client_key.server_key()
        self._encrypted = np.append(selection.coords, np.int64(selection.layout.weight_coord))
        self._readable = selection.complement
        self._binding = hashlib.sha256(b"gradveil ckks round v1\0" + selection.hash).digest()

    def _protect(self, client: str, update: Update) -> Upload:
        contribution = update.contribution()
        values = contribution[self._encrypted].astype(np.float64) / self._unit
        frame = he.encrypt(self._client_key, values, client=client, binding=self._binding)
        parts = (clear_part(contribution, self._readable), self._sealed(frame))
        return Upload(client, self.layout, _without_empty(parts))

    def _aggregate(self, uploads: Sequence[Upload]) -> Download:
        accumulator = he.Accumulator(self._server_key, self._binding)
        for upload in uploads:
            accumulator.add(_frame_of(upload.parts))
            if upload.client not in accumulator.contributors:
                raise DefenseError(f"client {upload.client!r} sent another client's ciphertext; drop it")
        parts: list[Part] = [self._sealed(accumulator.to_bytes())]
        if self._readable.size:
            parts.append(clear_sum(uploads, self._readable))
        return Download(frozenset(upload.client for upload in uploads), self.layout, tuple(parts))

    def _recover(self, download: Download) -> Update:
        total = np.zeros(self.layout.wire_size)
        frame = _frame_of(download.parts)
        decrypted = he.decrypt(
            self._client_key, frame, binding=self._binding, min_contributors=self.min_clients
        )
        if decrypted.size != self._encrypted.size:
            raise DefenseError("the encrypted sum has another length; the server runs another selection")
        total[self._encrypted] = decrypted * self._unit
        for part in download.parts:
            if not isinstance(part, Sealed):
                total[part.coords] = part.values
        return Update.mean_of_sum(self.layout, total)

    def _sealed(self, frame: bytes) -> Sealed:
        return Sealed(self._encrypted, SCHEME, frame)


def _frame_of(parts: Sequence[Part]) -> bytes:
    for part in parts:
        if isinstance(part, Sealed) and part.scheme == SCHEME:
            return part.payload
    raise DefenseError("no encrypted part; the other side runs another defense")


def _without_empty(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.coords.size)
