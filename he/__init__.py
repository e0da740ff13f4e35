"""Selective homomorphic encryption of flat vectors: clients encrypt, a server adds."""

from he.accumulator import Accumulator
from he.codec import decrypt, encrypt
from he.errors import (
    CapacityError,
    ContributorError,
    DecryptionError,
    FrameError,
    HeError,
    InsecureParametersError,
    KeyRoleError,
    ParametersError,
)
from he.frame import Frame
from he.keys import ClientKey, ServerKey
from he.params import CkksParams

__all__ = [
    "Accumulator",
    "CapacityError",
    "CkksParams",
    "ClientKey",
    "ContributorError",
    "DecryptionError",
    "Frame",
    "FrameError",
    "HeError",
    "InsecureParametersError",
    "KeyRoleError",
    "ParametersError",
    "ServerKey",
    "decrypt",
    "encrypt",
]
