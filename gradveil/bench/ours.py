"""Our set-ups: package `he` as its users call it, signatures and checks included."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

import he
from gradveil.bench.package import Package, Server, Values
from gradveil.bench.results import OURS
from he.binding import split
from he.frames import Kind, read_frame
from he.schemes import Ciphertext, scheme_of

_RANGE = 1.0
_LEAST_CLIENTS = 10  # a small round shows the parameters of a real one
_KEY, _ROSTER, _IDENTITY, _COUNT = "key", "roster", "identity", "count"
_SERVER = "server"


def _packed(clients: int) -> he.Params:
    return he.PackedParams.for_(clients=clients, value_range=_RANGE, precision_bits=18)


def _ckks(clients: int) -> he.Params:
    return he.CkksParams(max_clients=max(clients, he.CkksParams.max_clients))


def _ckks_of_20_bits(clients: int) -> he.Params:
    return he.CkksParams.for_(clients=clients, value_range=_RANGE, precision_bits=20)


def _public_packed(clients: int) -> he.Params:
    public = he.Encryption.PUBLIC_KEY
    return he.PackedParams.for_(clients=clients, value_range=_RANGE, precision_bits=16, encryption=public)


def _public_ckks(clients: int) -> he.Params:
    public = he.Encryption.PUBLIC_KEY
    return he.CkksParams.for_(clients=clients, value_range=_RANGE, precision_bits=20, encryption=public)


SETUPS: dict[str, Callable[[int], he.Params]] = {
    "packed": _packed,
    "ckks": _ckks,
    "ckks 20 bits": _ckks_of_20_bits,
    "packed public key": _public_packed,
    "ckks public key": _public_ckks,
}
"""Parameters by name, from the number of clients; 18, 24, 20, 16 and 20 bits of precision."""


class He(Package):
    """One of SETUPS for up to `clients`."""

    kind: ClassVar[str] = "he"
    anonymous: ClassVar[bool] = False
    package = OURS

    def __init__(self, name: str, clients: int, processes: int = 1) -> None:
        self.name, self.processes = name, processes
        params = SETUPS[name](max(clients, _LEAST_CLIENTS))
        self._key = he.ClientKey.generate(params, "benchmark")
        self._encrypting = _encrypting(self._key)
        self._workers = he.Workers(self._encrypting, processes) if processes > 1 else None
        self._clients = [he.Identity.generate(f"client-{number}") for number in range(clients)]
        self._server = he.Identity.generate(_SERVER)
        self._roster = he.Roster.of(self._clients, self._server)
        self._adder = scheme_of(params).adder()

    def __enter__(self) -> Self:
        if self._workers is not None:
            with ExitStack() as stack:
                stack.callback(self._workers.close)
                self._start_processes()
                stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self._workers is not None:
            self._workers.close()

    def encrypt(self, client: int, values: Values) -> bytes:
        return he.encrypt(
            self._encrypting,
            values,
            identity=self._clients[client],
            binding=_binding(values.size),
            workers=self._workers,
        )

    def server(self, count: int) -> Server:
        key = self._key.server_key()
        return he.Accumulator(key, _binding(count), roster=self._roster, identity=self._server)

    def load(self, upload: bytes, count: int) -> list[Ciphertext]:
        expected = _binding(count).expected(self._key.scope, Kind.UPLOAD)
        frame = read_frame(upload, expected, self._roster)
        chunks = list(split(frame.body, self._key.params, Kind.UPLOAD, count))
        for chunk, size in chunks:
            self._adder.require_valid(chunk, size)
        return [self._adder.load(chunk, size) for chunk, size in chunks]

    def add(self, total: Any, term: Any) -> None:  # noqa: ANN401
        for ours, theirs in zip(total, term, strict=True):
            self._adder.add(ours, theirs)

    def decrypt(self, aggregate: bytes, count: int) -> Values:
        # A new ledger each time: in production it refuses a second aggregate of the same round.
        return he.Decryptor(self._key, self._roster).decrypt(aggregate, _binding(count)).values

    def save_server(self, folder: Path, count: int) -> None:
        (folder / _KEY).write_bytes(self._key.server_key().to_bytes())
        (folder / _ROSTER).write_bytes(self._roster.to_bytes())
        (folder / _IDENTITY).write_bytes(self._server.private_bytes())
        (folder / _COUNT).write_text(str(count))

    def _start_processes(self) -> None:
        """Encrypt a chunk in each."""
        self.encrypt(0, np.zeros(self.processes * self._key.params.values_per_chunk))


def open_server(folder: Path) -> Server:
    """The server of `He.save_server`."""
    return he.Accumulator(
        he.ServerKey.from_bytes((folder / _KEY).read_bytes()),
        _binding(int((folder / _COUNT).read_text())),
        roster=he.Roster.from_bytes((folder / _ROSTER).read_bytes()),
        identity=he.Identity.from_private_bytes(_SERVER, (folder / _IDENTITY).read_bytes()),
    )


def _binding(count: int) -> he.Binding:
    return he.Binding(round=0, layout=bytes(32), selection=bytes(32), count=count)


def _encrypting(key: he.ClientKey) -> he.ClientKey | he.PublicKey:
    return key.public_key() if key.params.encryption is he.Encryption.PUBLIC_KEY else key
