"""What the benchmark needs of a package: all parties of a round in one process, bytes between them."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Server(Protocol):
    """Adds uploads as they arrive, then gives the aggregate."""

    def add(self, data: bytes, /) -> object:
        """Take one upload into the sum."""

    def close(self) -> bytes:
        """The aggregate as it is sent."""


class Package(ABC):
    """A package under one set-up; a context manager that ends its processes.

    Attributes:
        kind: whose server a fresh process opens, see `gradveil.bench.server_memory`.
        package: for the results.
        name: of the set-up, for the results.
        processes: that a client encrypts in.
        anonymous: one upload can stand for all clients.
    """

    kind: ClassVar[str]
    anonymous: ClassVar[bool]
    package: str
    name: str
    processes: int = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def encrypt(self, client: int, values: Values) -> bytes:
        """The upload of values (n,)."""

    @abstractmethod
    def server(self, count: int) -> Server:
        """A server for one round of `count` values."""

    @abstractmethod
    def load(self, upload: bytes, count: int) -> Any:  # noqa: ANN401 - the package's own ciphertexts
        """What the server makes of an upload before it adds, all its checks included."""

    @abstractmethod
    def add(self, total: Any, term: Any) -> None:  # noqa: ANN401
        """Add one loaded upload to another, as this package's server does; the sum itself is not needed."""

    @abstractmethod
    def decrypt(self, aggregate: bytes, count: int) -> Values:
        """The sum (n,), from the bytes that the server sent."""

    @abstractmethod
    def save_server(self, folder: Path, count: int) -> None:
        """Write what another process needs to open `server(count)`."""

    def quiet(self) -> AbstractContextManager[None]:
        """Keeps the package's chatter from stdout."""
        return nullcontext()
