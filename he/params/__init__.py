"""Parameters: unchecked literals in, immutable checked parameters out."""

from collections.abc import Mapping
from typing import Any

from he.errors import ParametersError
from he.params.base import MAX_VALUES, Encryption, Params
from he.params.ckks import CkksParams
from he.params.packed import PackedParams
from he.params.tenseal_vector import TensealVectorParams

SCHEMES: dict[str, type[Params]] = {
    kind.scheme: kind for kind in (CkksParams, PackedParams, TensealVectorParams)
}


def from_description(described: Mapping[str, Any]) -> Params:
    """Checked parameters from what `Params.describe` gave, as read from JSON, TOML or a key file.

    Raises:
        ParametersError: an unknown scheme or field, or parameters that are unsafe or do not add up.
    """
    fields = dict(described)
    kind = SCHEMES.get(str(fields.pop("scheme", None)))
    if kind is None:
        raise ParametersError(f"unknown scheme; choose among {', '.join(SCHEMES)}")
    try:
        fields["encryption"] = Encryption(fields.get("encryption", Encryption.SHARED_KEY))
        if isinstance(fields.get("modulus_bits"), list):
            fields["modulus_bits"] = tuple(fields["modulus_bits"])
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise ParametersError(f"not a description of {kind.scheme} parameters ({error})") from error


__all__ = [
    "MAX_VALUES",
    "SCHEMES",
    "CkksParams",
    "Encryption",
    "PackedParams",
    "Params",
    "TensealVectorParams",
    "from_description",
]
