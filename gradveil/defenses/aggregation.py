"""Secure aggregation: the server learns the sum over all clients and nothing else."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import secagg
from gradveil.defenses.base import Defense, DefenseError, Seconds, Sent, Session
from gradveil.defenses.clear import mean_of_clear
from gradveil.exchange import Clear, Download, Layout, Sealed, Update, Upload

SCHEME = "secagg"


@dataclass(frozen=True)
class SecureAggregation(Defense):
    """One round of pairwise double masking; the weights are masked with the values.

    Attributes:
        clip: largest magnitude of a coordinate of the mean update; larger ones are clipped.
        max_weight: largest number of examples of one client.
    """

    clip: float = 8.0
    max_weight: int = 16
    name: ClassVar[str] = "secure_aggregation"
    min_clients: ClassVar[int] = 3

    @property
    def claim(self) -> str:
        """What the server learns, and against whom."""
        return (
            "an honest-but-curious server learns the sum over all surviving clients only; up to a third of "
            "the clients may drop out or collude (Bonawitz et al. 2017, semi-honest)"
        )

    def open(self, clients: Sequence[str], layout: Layout, rng: np.random.Generator) -> Session:
        """A round with fresh keys, already shared among the clients."""
        fixed_point = secagg.FixedPoint(clip=self.clip, max_clients=len(clients), max_weight=self.max_weight)
        return _MaskedSession(clients, layout, self.min_clients, fixed_point)


class _MaskedSession(Session):
    def __init__(
        self, clients: Sequence[str], layout: Layout, min_clients: int, fixed_point: secagg.FixedPoint
    ) -> None:
        super().__init__(clients, layout, min_clients)
        self._round = secagg.LocalRound(clients, fixed_point, layout.size, context=layout.hash)
        self._everything = np.arange(layout.wire_size, dtype=np.int64)
        self._masked: set[bytes] = set()
        self._round.share_keys()

    @property
    def transcript(self) -> tuple[Sent, ...]:
        """Keys, shares and unmasking; the masked inputs travel in the uploads."""
        return sent_besides(self._round, self._masked)

    @property
    def seconds(self) -> Seconds:
        """As the round itself measured each party's steps, and a client's reading of the download."""
        steps = sum(self._round.client_seconds.values()) / len(self.clients)
        return Seconds(steps + self._recover_seconds, self._round.server_seconds)

    def _protect(self, client: str, update: Update) -> Upload:
        payload = self._round.mask(client, update.vector, update.weight)
        self._masked.add(payload)
        return Upload(client, self.layout, (Sealed(self._everything, SCHEME, payload),))

    def _aggregate(self, uploads: Sequence[Upload]) -> Download:
        for upload in uploads:
            if len(upload.parts) != 1:
                raise DefenseError(f"client {upload.client!r} sent more than its masked input; drop it")
            if self._round.submit(masked_payload(upload)) != upload.client:
                raise DefenseError(f"client {upload.client!r} sent another client's masked input; drop it")
        aggregate = self._round.unmask()
        total = Clear(self._everything, aggregate.total.astype(np.float32))
        return Download(aggregate.survivors, self.layout, (total,))

    def _recover(self, download: Download) -> Update:
        return mean_of_clear(download)


def sent_besides(round_: secagg.LocalRound, inputs: Collection[bytes]) -> tuple[Sent, ...]:
    """All messages of a round but these masked inputs."""
    return tuple(
        Sent(message.sender, message.receiver, message.payload)
        for message in round_.messages
        if message.payload not in inputs
    )


def masked_payload(upload: Upload) -> bytes:
    """The masked input among an upload's parts; DefenseError if there is none."""
    for part in upload.parts:
        if isinstance(part, Sealed) and part.scheme == SCHEME:
            return part.payload
    raise DefenseError(f"client {upload.client!r} sent no masked input; it runs another defense")
