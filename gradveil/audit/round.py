"""One protected round, and what it cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks import Model
from gradveil.audit.cohort import Cohort
from gradveil.defenses import Mechanism, Sent, Stages
from gradveil.exchange import (
    Download,
    Knowledge,
    Layout,
    Observation,
    Update,
    Upload,
    observe,
    readings_of,
    weighted_mean,
)


@dataclass(frozen=True)
class Cost:
    """Per client bytes, mean seconds of a client and of the server, and the error of the aggregate.

    Attributes:
        bytes_up: mean bytes a client sends.
        bytes_down: mean bytes a client receives, without the model itself.
        seconds_client: mean wall-clock seconds of a client's real calls.
        seconds_server: wall-clock seconds of the server's real calls.
        aggregate_error: l2 distance of the recovered from the true weighted mean over the latter's norm.
    """

    bytes_up: int
    bytes_down: int
    seconds_client: float
    seconds_server: float
    aggregate_error: float


@dataclass(frozen=True, eq=False)
class Round:
    """Everything that crossed the wire in one round.

    `cohort` holds what the clients fed in, where that is not what the audit had drawn; `model` the public
    network, where a defense has changed it.
    """

    layout: Layout
    uploads: tuple[Upload, ...]
    download: Download
    transcript: tuple[Sent, ...]
    cost: Cost
    cohort: Cohort | None = None
    model: Model | None = None

    def observed_with(self, knowledge: Knowledge) -> Observation:
        """What an honest-but-curious server holds, given these assumptions."""
        passed = [message.payload for message in self.transcript]
        return observe(self.layout, self.uploads, readings_of(self.download), knowledge, passed)


def run_round(
    defense: Mechanism,
    updates: Mapping[str, Update],
    rng: np.random.Generator,
    truth: Update | None = None,
    seconds_before: float = 0.0,
) -> Round:
    """Protect, aggregate and recover once, for real; raises what the defense raises.

    Args:
        defense: whose wire carries the updates.
        updates: what clients hand to the wire.
        rng: of the wire's noise.
        truth: what the aggregate should be; the weighted mean of the updates unless given.
        seconds_before: that a client has spent on the defense before the wire.
    """
    layout = next(iter(updates.values())).layout
    session = Stages.of(defense).open(list(updates), layout, rng)
    uploads = tuple(session.protect(client, update) for client, update in updates.items())
    download = session.aggregate(uploads)
    mean = session.recover(download)
    up, down = _bytes_per_client(uploads, download, session.transcript)
    cost = Cost(
        bytes_up=up,
        bytes_down=down,
        seconds_client=session.seconds.client + seconds_before,
        seconds_server=session.seconds.server,
        aggregate_error=_relative_error(mean, truth or weighted_mean(list(updates.values()))),
    )
    return Round(layout, uploads, download, session.transcript, cost)


def _bytes_per_client(
    uploads: tuple[Upload, ...], download: Download, transcript: tuple[Sent, ...]
) -> tuple[int, int]:
    clients = {upload.client for upload in uploads}
    sent = sum(len(message.payload) for message in transcript if message.sender in clients)
    received = sum(len(message.payload) for message in transcript if message.receiver in clients)
    up = (sum(upload.nbytes for upload in uploads) + sent) / len(clients)
    return round(up), round(download.nbytes + received / len(clients))


def _relative_error(found: Update, truth: Update) -> float:
    distance = _norm(found.vector.astype(np.float64) - truth.vector)
    return distance / max(_norm(truth.vector.astype(np.float64)), 1e-30)


def _norm(vector: NDArray[np.float64]) -> float:
    """Without BLAS, whose threads change the last digit from run to run."""
    return math.sqrt(float(np.square(vector).sum()))
