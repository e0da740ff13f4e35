"""The three ways to encrypt, behind one interface."""

from functools import lru_cache

from he.errors import ParametersError
from he.params import CkksParams, PackedParams, Params, TensealVectorParams
from he.schemes.base import Adder, Ciphertext, Decryptor, Encryptor, Scheme, Steps
from he.schemes.ckks import CkksScheme
from he.schemes.packed import PackedScheme
from he.schemes.tenseal_vector import TensealVectorScheme


@lru_cache(maxsize=32)
def scheme_of(params: Params) -> Scheme:
    """The scheme of these parameters; ParametersError if it is unknown or the library cannot build it."""
    match params:
        case CkksParams():
            return CkksScheme(params)
        case PackedParams():
            return PackedScheme(params)
        case TensealVectorParams():
            return TensealVectorScheme(params)
    raise ParametersError(f"{type(params).__name__} has no scheme; use CkksParams or PackedParams")


__all__ = ["Adder", "Ciphertext", "Decryptor", "Encryptor", "Scheme", "Steps", "scheme_of"]
