"""What an operator sets for all rounds of a job over Flower."""

from dataclasses import dataclass, field
from pathlib import Path

from secagg.phases import Deadlines


@dataclass(frozen=True)
class Settings:
    """How a server waits, remembers and gives up.

    Attributes:
        deadlines: how long each phase may take, and its fewest and most answers; `mask` includes training.
        checkpoint: file from which a server that was killed goes on; None to keep everything in memory.
        patience: aborted rounds in a row that are borne; one more raises RoundAbortedError.
        poll_seconds: between two looks for replies.
        weighted_by: the metric that holds the number of examples.
    """

    deadlines: Deadlines = field(default_factory=Deadlines)
    checkpoint: Path | None = None
    patience: int = 3
    poll_seconds: float = 0.1
    weighted_by: str = "num-examples"
