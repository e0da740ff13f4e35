"""What a party is told besides messages, what it says, and the two ways a phase can be left."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SERVER = "server"
"""Name of the server as a receiver; no client may bear it."""


@dataclass(frozen=True)
class Begin:
    """To a client: join the round."""


@dataclass(frozen=True, eq=False)
class Contribute:
    """To a client: its trained vector, float32 (length,), the weight, and counters to be summed with it."""

    vector: NDArray[np.float32] = field(repr=False)
    weight: int = 1
    counters: tuple[int, ...] = ()


@dataclass(frozen=True)
class Deadline:
    """To the server: the current phase is over; it goes on with whoever answered, or aborts."""


Event = bytes | Begin | Contribute | Deadline
"""Bytes are a message from the other side."""


@dataclass(frozen=True)
class Outgoing:
    """A message to be carried to a client, or to `SERVER`."""

    receiver: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Closed:
    """Nothing more is said or accepted in this round."""

    reason: str
