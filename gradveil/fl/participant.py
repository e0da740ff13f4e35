"""A client with the state it is in: what adapters and simulations hold."""

import logging
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange import GradveilError, WireError
from gradveil.fl.client import Client
from gradveil.fl.contribution import Trained
from gradveil.fl.messages import Given, Refusal, Request, Terms
from gradveil.fl.state import State
from secagg import OutOfOrderError
from secagg.phases import Phase

log = logging.getLogger("gradveil.fl")


class Work(Protocol):
    """What the framework around a client knows of one request."""

    @property
    def sealed(self) -> bytes:
        """The encrypted part of the model that came with it, or empty."""

    def given(self) -> Given:
        """Hashes of the model, its encrypted part included, and of the configuration."""

    def run(self, encrypted: NDArray[np.float32] | None) -> Trained:
        """Train or evaluate, with these values at the plan's encrypted coordinates unless None."""


Gate = Callable[[Terms, Trained], None]
"""A client's last look at what it is about to send; it raises RefusedError to keep it."""


class Participant:
    """Feeds requests to a client and keeps its state.

    Args:
        client: whose part this is.
        state: where to go on; at the beginning if None.
        gate: see `Gate`; nothing is held back if None.
    """

    def __init__(self, client: Client, state: State | None = None, gate: Gate | None = None) -> None:
        self.client, self._gate = client, gate
        self.state = State() if state is None else state

    def handle(self, data: bytes, work: Work) -> bytes:
        """The reply, or a refusal that names the error; what the training itself raises passes through."""
        try:
            return self.reply_to(data, work)
        except GradveilError as error:
            log.warning("request refused: %s: %s", type(error).__name__, error)
            return Refusal(type(error).__name__).to_bytes()

    def reply_to(self, data: bytes, work: Work) -> bytes:
        """The reply.

        Damaged bytes, messages out of order or of another round, plan or roster leave the state as it was.
        The client leaves its round for good when a message that belongs there asks for something unsafe.

        Raises:
            GradveilError: as `Client.enter`, `answer`, `begin` and `contribute`.
        """
        request = Request.from_bytes(data)
        entered = self.client.enter(self.state, request)
        try:
            if request.phase is not Phase.MASK:
                self.state, reply = self.client.answer(entered, request)
                return reply
            return self._contribute(entered, request, work)
        except (WireError, OutOfOrderError):
            raise
        except GradveilError:
            self.state = entered.left()
            raise

    def _contribute(self, entered: State, request: Request, work: Work) -> bytes:
        state, encrypted = self.client.begin(entered, request, work.given(), work.sealed)
        trained = work.run(encrypted)
        if self._gate is not None:
            self._gate(request.terms, trained)
        if clipped := self.client.clipped(trained):
            log.warning("%d values exceed the plan's clip and were clipped; raise `clip`", clipped)
        self.state, reply = self.client.contribute(state, request, trained)
        return reply
