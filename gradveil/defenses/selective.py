"""Selective encryption: the selected coordinates travel as ciphertexts, the rest in the clear."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

import he
from gradveil.defenses.base import Defense, DefenseError, Session
from gradveil.defenses.clear import clear_part, clear_sum
from gradveil.defenses.encrypted_slice import EncryptedSlice
from gradveil.exchange import Download, Layout, Part, Sealed, Selection, Update, Upload


@dataclass(frozen=True)
class SelectiveEncryption(Defense):
    """Homomorphic encryption of a selection fixed for the round; the weight is encrypted with it.

    Under a shared key, one client that joins the server reads every client's slice. Contributions are scaled
    by the power of two above `max_weight` before encryption, so that an update of magnitude `params.max_abs`
    fits whatever its weight.
    """

    selection: Selection
    params: he.Params = field(default_factory=he.CkksParams)
    max_weight: int = 64
    min_clients: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if not self.selection.mask.any():
            raise DefenseError("the selection is empty; raise the ratio, or use identity to encrypt nothing")
        if self.max_weight < 1:
            raise DefenseError("max_weight must be at least 1; set it to the most examples of a client")

    @property
    def name(self) -> str:
        """`selective_ckks`, `selective_packed` or `selective_tenseal_vector`."""
        return f"selective_{self.params.scheme.replace('-', '_')}"

    @property
    def claim(self) -> str:
        """Security level, share of the selection, and who can open it."""
        return (
            f"{self.selection.ratio:.1%} of the coordinates under {self.params.scheme} at "
            f"{self.params.security_bits} bits (N={self.params.poly_degree}, log q={self.params.log_q}) "
            f"against a server without {_HOLDERS[self.params.encryption]}; the rest is plaintext"
        )

    def open(self, clients: Sequence[str], layout: Layout, rng: np.random.Generator) -> Session:
        """A round under fresh keys and identities."""
        layout.require_same(self.selection.layout)
        return _SelectiveSession(clients, self)


_HOLDERS = {
    he.Encryption.SHARED_KEY: "the clients' shared key",
    he.Encryption.PUBLIC_KEY: "the key holder's secret key",
}


class _SelectiveSession(Session):
    def __init__(self, clients: Sequence[str], defense: SelectiveEncryption) -> None:
        selection = defense.selection
        super().__init__(clients, selection.layout, defense.min_clients)
        self.agreed = np.append(selection.coords, np.int64(selection.layout.weight_coord))
        self._readable = selection.complement
        self._slice = EncryptedSlice(
            clients, selection, self.agreed, defense.params, defense.max_weight, self.min_clients
        )

    def _protect(self, client: str, update: Update) -> Upload:
        contribution = update.contribution()
        sealed = self._slice.protect(client, contribution)
        parts = (sealed, clear_part(contribution, self._readable))
        return Upload(client, self.layout, _without_empty(parts), self.agreed)

    def _aggregate(self, uploads: Sequence[Upload]) -> Download:
        parts: list[Part] = [self._slice.aggregate(uploads)]
        if self._readable.size:
            parts.append(clear_sum(uploads, self._readable))
        clients = frozenset(upload.client for upload in uploads)
        return Download(clients, self.layout, tuple(parts), self.agreed)

    def _recover(self, download: Download) -> Update:
        total = np.zeros(self.layout.wire_size)
        total[self.agreed] = self._slice.recover(download.parts).values
        for part in download.parts:
            if not isinstance(part, Sealed):
                total[part.coords] = part.values
        return Update.mean_of_sum(self.layout, total)


def _without_empty(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.coords.size)
