"""One update, two protections: the selected slice under homomorphic encryption, the rest masked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

import he
import secagg
from gradveil.defenses.aggregation import SCHEME, masked_payload, sent_besides
from gradveil.defenses.base import Defense, DefenseError, Seconds, Sent, Session
from gradveil.defenses.encrypted_slice import EncryptedSlice
from gradveil.exchange import Clear, Download, Layout, Part, Sealed, Selection, Update, Upload


@dataclass(frozen=True)
class Hybrid(Defense):
    """The server reads the sum of the masked rest and nothing of the slice, whose sum only key holders open.

    Attributes:
        selection: the slice to encrypt, fixed for the job; neither empty nor everything.
        params: of the encryption.
        clip: largest magnitude of a masked coordinate; larger ones are clipped.
        max_weight: largest number of examples of one client.
    """

    selection: Selection
    params: he.Params = field(default_factory=he.CkksParams)
    clip: float = 8.0
    max_weight: int = 16
    name: ClassVar[str] = "hybrid"
    min_clients: ClassVar[int] = 3

    def __post_init__(self) -> None:
        if not 0 < self.selection.ratio < 1:
            raise DefenseError("nothing or everything is selected; use one protection alone")

    @property
    def claim(self) -> str:
        """What the server learns of either part."""
        return (
            f"{self.selection.ratio:.1%} of the coordinates under {self.params.scheme} at "
            f"{self.params.security_bits} bits, the rest and the weights masked: a semi-honest server "
            "learns the sum of the masked part over all survivors, and of the encrypted part nothing"
        )

    def open(self, clients: Sequence[str], layout: Layout, rng: np.random.Generator) -> Session:
        """A round with fresh keys for both parts."""
        layout.require_same(self.selection.layout)
        return _HybridSession(clients, self)


class _HybridSession(Session):
    def __init__(self, clients: Sequence[str], defense: Hybrid) -> None:
        selection = defense.selection
        super().__init__(clients, selection.layout, defense.min_clients)
        self.agreed = selection.coords
        self._rest = selection.complement
        self._masked = np.append(self._rest, np.int64(self.layout.weight_coord))
        self._slice = EncryptedSlice(
            clients, selection, self.agreed, defense.params, defense.max_weight, self.min_clients
        )
        fixed_point = secagg.FixedPoint(defense.clip, len(clients), defense.max_weight)
        context = selection.hash
        self._round = secagg.LocalRound(clients, fixed_point, self._rest.size, context=context)
        self._round.share_keys()
        self._inputs: set[bytes] = set()

    @property
    def transcript(self) -> tuple[Sent, ...]:
        """Keys, shares and unmasking; masked inputs and ciphertexts travel in the uploads."""
        return sent_besides(self._round, self._inputs)

    @property
    def seconds(self) -> Seconds:
        """Of the masked part as its round measured it, of the encrypted part, and of reading the sum."""
        masking = sum(self._round.client_seconds.values())
        client = (masking + self._slice.client_seconds) / len(self.clients) + self._recover_seconds
        return Seconds(client, self._round.server_seconds + self._slice.server_seconds)

    def _protect(self, client: str, update: Update) -> Upload:
        masked = self._round.mask(client, update.vector[self._rest], update.weight)
        self._inputs.add(masked)
        parts = (self._slice.protect(client, update.contribution()), Sealed(self._masked, SCHEME, masked))
        return Upload(client, self.layout, parts, self.agreed)

    def _aggregate(self, uploads: Sequence[Upload]) -> Download:
        for upload in uploads:
            if self._round.submit(masked_payload(upload)) != upload.client:
                raise DefenseError(f"client {upload.client!r} sent another client's masked input; drop it")
        encrypted = self._slice.aggregate(uploads)
        aggregate = self._round.unmask()
        parts: tuple[Part, ...] = (encrypted, Clear(self._masked, aggregate.total.astype(np.float32)))
        return Download(aggregate.survivors, self.layout, parts, self.agreed)

    def _recover(self, download: Download) -> Update:
        total = np.zeros(self.layout.wire_size)
        opened = self._slice.recover(download.parts)
        if opened.clients != download.clients:
            raise DefenseError("the two parts are sums over different clients; leave this server")
        total[self.agreed] = opened.values
        total[self._masked] = _clear_values(download)
        return Update.mean_of_sum(self.layout, total)


def _clear_values(download: Download) -> NDArray[np.float32]:
    for part in download.parts:
        if isinstance(part, Clear):
            return part.values
    raise DefenseError("the sum of the masked part is missing; the server runs another defense")
