"""Who takes part: identities that sign, the roster of a job, and private files on disk."""

from gradveil.parties.errors import KeyRoleError, RosterError, SignatureError
from gradveil.parties.identity import Identity
from gradveil.parties.roster import Roster

__all__ = ["Identity", "KeyRoleError", "Roster", "RosterError", "SignatureError"]
