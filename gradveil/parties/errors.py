"""What can go wrong with identities, rosters and private files."""

from gradveil.exchange.errors import GradveilError, WireError


class KeyRoleError(GradveilError):
    """Key material in the wrong hands, or readable by others."""


class RosterError(GradveilError):
    """A roster without clients, or with more than one server can serve."""


class SignatureError(WireError):
    """A sender that the roster does not list, or a signature that is not the sender's."""
