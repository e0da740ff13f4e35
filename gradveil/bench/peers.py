"""What frameworks do: one plain `tenseal.ckks_vector` over the whole flat vector, under their parameters.

Counted in the peers' favour: the sum is taken in place, one vector stands for a model that NVFlare and FedML
encrypt tensor by tensor, and the context of 660 kB that NVFlare sends along with each tensor is left out.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tenseal as ts

import he
from gradveil.bench.package import Package, Server, Values
from gradveil.bench.silence import silenced_stdout

SETUPS: dict[str, Callable[[], he.TensealVectorParams]] = {
    "NVFlare": he.TensealVectorParams.nvflare,
    "MaskCrypt": he.TensealVectorParams.maskcrypt,
    "FedML-HE": he.TensealVectorParams.fedml_he,
}
"""Parameters by framework; the first has a shared key, the others a public one."""

_CONTEXT = "context"


class TensealVector(Package):
    """tenseal with the parameters of one of SETUPS and its own default number of threads."""

    kind: ClassVar[str] = "tenseal"
    anonymous: ClassVar[bool] = True

    def __init__(self, name: str) -> None:
        self.name, self.package = name, f"tenseal ({name})"
        self._context = _new_context(SETUPS[name]())
        self._public = self._context.serialize(save_secret_key=False)
        self._server_context = ts.context_from(self._public)

    def encrypt(self, client: int, values: Values) -> bytes:
        return bytes(ts.ckks_vector(self._context, values).serialize())

    def server(self, count: int) -> Server:
        return _Sum(self._server_context)

    def load(self, upload: bytes, count: int) -> Any:  # noqa: ANN401
        return ts.ckks_vector_from(self._server_context, upload)

    def add(self, total: Any, term: Any) -> None:  # noqa: ANN401
        # As NVFlare's WeightedAggregationHelper does it, not in place.
        total + term

    def decrypt(self, aggregate: bytes, count: int) -> Values:
        return np.array(ts.ckks_vector_from(self._context, aggregate).decrypt())

    def save_server(self, folder: Path, count: int) -> None:
        (folder / _CONTEXT).write_bytes(self._public)

    def quiet(self) -> AbstractContextManager[None]:
        return silenced_stdout()


class _Sum:
    """A framework's server: the first vector, and a new sum for each other one."""

    def __init__(self, context: ts.Context) -> None:
        self._context = context
        self._total: Any = None

    def add(self, data: bytes, /) -> None:
        vector = ts.ckks_vector_from(self._context, data)
        self._total = vector if self._total is None else self._total + vector

    def close(self) -> bytes:
        return bytes(self._total.serialize())


def open_server(folder: Path) -> Server:
    """The server of `TensealVector.save_server`."""
    return _Sum(ts.context_from((folder / _CONTEXT).read_bytes()))


def _new_context(params: he.TensealVectorParams) -> ts.Context:
    symmetric = params.encryption is he.Encryption.SHARED_KEY
    context = ts.context(
        ts.SCHEME_TYPE.CKKS,
        params.poly_degree,
        coeff_mod_bit_sizes=list(params.modulus_bits),
        encryption_type=ts.ENCRYPTION_TYPE.SYMMETRIC if symmetric else ts.ENCRYPTION_TYPE.ASYMMETRIC,
    )
    context.global_scale = 2.0**params.scale_bits
    return context
