"""What client and server have in common: each phase is a state of its own type."""

from typing import TypeVar

from secagg.errors import ProtocolError

State = TypeVar("State")


class Closed:
    """Nothing more is said or accepted in this round."""


class Machine:
    """Holds the one current state; a step expects its type, and replaces it."""

    def __init__(self, state: object) -> None:
        self._state = state

    def _expect(self, kind: type[State]) -> State:
        if not isinstance(self._state, kind):
            found, wanted = type(self._state).__name__, kind.__name__
            raise ProtocolError(f"this step needs state {wanted}, not {found}; keep the order of messages")
        return self._state

    def _close(self) -> None:
        self._state = Closed()
