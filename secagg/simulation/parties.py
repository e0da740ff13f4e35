"""The sessions of a simulated round."""

from collections.abc import Sequence

from secagg.client import Client
from secagg.config import Floors, RoundConfig
from secagg.errors import ProtocolError
from secagg.events import SERVER
from secagg.local import enrolled
from secagg.server import Server
from secagg.session import ClientSession, ServerSession


class Parties:
    """A server, its clients by name, and their identities if messages are signed.

    Raises:
        ProtocolError: a client named "server".
    """

    def __init__(self, config: RoundConfig, names: Sequence[str], floors: Floors | None) -> None:
        if SERVER in names:
            raise ProtocolError(f"no client can be called {SERVER!r}; rename it")
        roster, identities = enrolled(names, config.adversary)
        self.names = tuple(names)
        self.server = ServerSession(Server(config, floors, expects=len(names), roster=roster))
        self.clients = {
            name: ClientSession(Client(name, config, floors, identity=identities.get(name), roster=roster))
            for name in names
        }
