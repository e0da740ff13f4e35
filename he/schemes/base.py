"""One interface for all schemes: chunks of grid values in, ciphertext bytes out, and back.

Values are int64 steps of the grid. A chunk holds 1 to `params.values_per_chunk` of them; its bytes have the
length that `params.upload_bytes` and `params.sum_bytes` give for that many values.
"""

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from he.params import Params

Steps = NDArray[np.int64]
Ciphertext: TypeAlias = Any
"""A scheme's own ciphertext of one chunk."""


class Encryptor(ABC):
    """A client's side, with the secret or the public key in it."""

    @abstractmethod
    def encrypt(self, steps: Steps) -> bytes:
        """One chunk of `params.upload_bytes(n)` bytes from steps (n,)."""


class Adder(ABC):
    """The server's side, without any key."""

    @abstractmethod
    def require_valid(self, chunk: memoryview, count: int) -> None:
        """Raise FrameError unless these bytes, of the right length, are a chunk of `count` values."""

    @abstractmethod
    def load(self, chunk: memoryview, count: int) -> Ciphertext:
        """The ciphertext of a valid chunk."""

    @abstractmethod
    def multiply(self, ciphertext: Ciphertext, weight: int) -> Ciphertext:
        """The product with a positive integer; the argument may be changed."""

    @abstractmethod
    def add(self, total: Ciphertext, term: Ciphertext) -> None:
        """Add, in place; FrameError, and the total as it was, if the library refuses the sum."""

    @abstractmethod
    def subtract(self, total: Ciphertext, term: Ciphertext) -> None:
        """Undo an `add`, in place."""

    @abstractmethod
    def dump(self, total: Ciphertext, count: int) -> bytes:
        """One chunk of `params.sum_bytes(count)` bytes."""


class Decryptor(ABC):
    """The key holder's side."""

    @abstractmethod
    def decrypt(self, chunk: memoryview, count: int, weight: int, squares: int) -> Steps:
        """Steps (count,) of a summed chunk of `params.sum_bytes(count)` bytes.

        Args:
            chunk: from `Adder.dump`.
            count: values in it.
            weight: sum of the weights.
            squares: sum of the squared weights.

        Raises:
            DecryptionError: no sum of grid values under this key.
            FrameError: no chunk of this scheme.
        """


class Scheme(ABC):
    """Keys and operations under one set of parameters."""

    params: Params

    @abstractmethod
    def generate(self) -> bytes:
        """A fresh secret key from the operating system's randomness."""

    @abstractmethod
    def publish(self, secret: bytes) -> bytes:
        """The public encryption key of a secret key; a different one at each call."""

    @abstractmethod
    def require_secret(self, secret: bytes) -> None:
        """Raise WireError unless these bytes are a secret key of the parameters."""

    @abstractmethod
    def require_public(self, public: bytes) -> None:
        """Raise WireError unless these bytes have the form of a public key of the parameters."""

    @abstractmethod
    def secret_encryptor(self, secret: bytes) -> Encryptor:
        """Encrypts under a shared secret key."""

    @abstractmethod
    def public_encryptor(self, public: bytes) -> Encryptor:
        """Encrypts under a public key."""

    @abstractmethod
    def adder(self) -> Adder:
        """Adds; needs no key."""

    @abstractmethod
    def decryptor(self, secret: bytes) -> Decryptor:
        """Decrypts under this key."""
