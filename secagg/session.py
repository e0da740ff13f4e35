"""A party with the state it is in: what transports and simulations hold."""

from gradveil.exchange import GradveilError, WireError
from secagg.client import Client
from secagg.client_states import ClientState
from secagg.errors import OutOfOrderError
from secagg.events import Closed, Event, Outgoing
from secagg.server import Server
from secagg.server_states import ServerState


class ClientSession:
    """Feeds events to a client and keeps its state.

    Args:
        client: whose session this is.
        state: where to go on, see `secagg.snapshots`; at the beginning if None.
    """

    def __init__(self, client: Client, state: ClientState | None = None) -> None:
        self.client = client
        self.state = client.initial() if state is None else state

    def handle(self, event: Event) -> tuple[Outgoing, ...]:
        """What the client says; raises as `Client.step` does.

        Damaged bytes, messages out of order and vectors that do not fit leave the state as it was. The client
        leaves the round for good when a message that parses asks for something unsafe.
        """
        try:
            self.state, messages = self.client.step(self.state, event)
        except (WireError, OutOfOrderError):
            raise
        except GradveilError as error:
            if isinstance(event, bytes):
                self.state = Closed(str(error))
            raise
        return messages


class ServerSession:
    """Feeds events to a server and keeps its state; arguments as of `ClientSession`."""

    def __init__(self, server: Server, state: ServerState | None = None) -> None:
        self.server = server
        self.state = server.initial() if state is None else state

    def handle(self, event: Event) -> tuple[Outgoing, ...]:
        """What the server says; raises as `Server.step` does, and then the state is as it was."""
        self.state, messages = self.server.step(self.state, event)
        return messages

    def abort(self, reason: str) -> tuple[Outgoing, ...]:
        """End the round without a result."""
        self.state, messages = self.server.abort(self.state, reason)
        return messages
