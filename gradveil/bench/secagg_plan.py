"""What `gradveil bench secagg` measures, and of which rounds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from gradveil.bench.results import Place, power


class SecAggMetric(StrEnum):
    """What is measured; all are costs, less is better.

    A client shares when it has got the other clients' keys, and masks when it has got their shares: it opens
    these, encodes its vector, adds all masks and packs. The server unmasks when it has got all answers; ours
    reads them first. AES_LIMIT is the keystream of as many masks, added to a vector, and nothing else. UPLINK
    is the masked vector, ROUND what all parties need one after the other.
    """

    SERVER_UNMASK = "server_unmask_s"
    CLIENT_SHARE = "client_share_s"
    CLIENT_MASK = "client_mask_s"
    AES_LIMIT = "aes_ctr_add_s"
    UPLINK = "uplink_bytes_per_coord"
    SERVER_PEAK = "server_peak_bytes"
    ROUND = "round_s"


SECAGG_UNITS = {
    metric: "B" if metric in (SecAggMetric.UPLINK, SecAggMetric.SERVER_PEAK) else "s"
    for metric in SecAggMetric
}


@dataclass(frozen=True, slots=True)
class Cohort(Place):
    """A round: `dropout` of the clients vanish between sharing and sending their vector; complete graph."""

    dropout: float = 0.0

    def __str__(self) -> str:
        return f"{power(self.values)} values, {self.clients} clients, {100 * self.dropout:g} % dropout"

    @property
    def dropped(self) -> int:
        """How many clients vanish."""
        return round(self.dropout * self.clients)


_LARGE = (
    Cohort(10**5, 50),
    Cohort(10**5, 50, dropout=0.1),
    Cohort(10**5, 50, dropout=0.3),
    Cohort(10**6, 50, dropout=0.1),
    Cohort(10**5, 100, dropout=0.1),
)
"""What the peer gets through: a minute each, and minutes for 100 clients."""


@dataclass(frozen=True, slots=True)
class SecAggPlan:
    """What one run measures.

    Attributes:
        cohorts: rounds of ours.
        against: those of them that the peer runs as well.
        masking: where only masking is measured, by a few clients.
        memory: round whose server's memory is measured.
        scale: sparse rounds of ours.
        repetitions: rounds of each cohort; medians are reported.
        peers: whether the peer is measured at all.
        once: from so many clients on, the peer runs a single repetition.
    """

    cohorts: tuple[Cohort, ...]
    against: tuple[Cohort, ...]
    masking: tuple[Cohort, ...]
    memory: Cohort
    scale: tuple[Cohort, ...]
    repetitions: int
    peers: bool
    once: int = 50

    @classmethod
    def quick(cls, *, peers: bool) -> Self:
        """Less than a minute, the peer included."""
        cohorts = tuple(Cohort(10**5, clients, dropout=0.1) for clients in (10, 20))
        return cls(cohorts, cohorts, (), Cohort(10**5, 20), (), repetitions=3, peers=peers)

    @classmethod
    def full(cls, *, peers: bool) -> Self:
        """A quarter of an hour with the peer, a third of that for its 100 clients; else some minutes."""
        cohorts = [
            Cohort(values, clients, dropout=dropout)
            for clients in (10, 50, 100)
            for values in (10**5, 10**6)
            for dropout in (0.0, 0.1, 0.3)
        ]
        shared = [each for each in cohorts if each.clients == 10 or each in _LARGE]
        return cls(
            tuple(cohorts),
            tuple(shared),
            masking=(Cohort(10**7, 50),),
            memory=Cohort(10**6, 50),
            scale=(Cohort(10**5, 1000, dropout=0.1),),
            repetitions=3,
            peers=peers,
        )

    def repetitions_of_peer(self, cohort: Cohort) -> int:
        """How often the peer runs a round."""
        if not self.peers or cohort not in self.against:
            return 0
        return 1 if cohort.clients >= self.once else self.repetitions
