"""Homomorphic encryption of flat vectors: clients encrypt, a server adds, a key holder opens the sum."""

from gradveil.parties.errors import KeyRoleError, SignatureError
from gradveil.parties.identity import Identity
from gradveil.parties.roster import Roster
from he.accumulator import Accumulator
from he.binding import Binding
from he.decryption import Aggregate, Decryptor
from he.encryption import encrypt
from he.errors import (
    CapacityError,
    ContributorError,
    DecryptionError,
    FrameError,
    HeError,
    InsecureParametersError,
    ParametersError,
    ReplayError,
    WorkersError,
)
from he.keys import ClientKey, PublicKey, ServerKey
from he.ledger import Ledger
from he.params import CkksParams, Encryption, PackedParams, Params, TensealVectorParams
from he.workers import Workers

__all__ = [
    "Accumulator",
    "Aggregate",
    "Binding",
    "CapacityError",
    "CkksParams",
    "ClientKey",
    "ContributorError",
    "DecryptionError",
    "Decryptor",
    "Encryption",
    "FrameError",
    "HeError",
    "Identity",
    "InsecureParametersError",
    "KeyRoleError",
    "Ledger",
    "PackedParams",
    "ParametersError",
    "Params",
    "PublicKey",
    "ReplayError",
    "Roster",
    "ServerKey",
    "SignatureError",
    "TensealVectorParams",
    "Workers",
    "WorkersError",
    "encrypt",
]
