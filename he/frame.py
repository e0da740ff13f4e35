"""The wire format: one vector as ciphertext chunks of constant length, with a checked header.

A frame is a strict envelope of gradveil.exchange.wire with the fields parameters' hash, binding,
contributors, number of values, and chunks. Every length is checked before a byte reaches the library.

Not authenticated: whoever carries a frame can change names, number of values or ciphertexts. A ciphertext
damaged by chance is found when the sum is decrypted; a server that adds cannot see it. Use a channel that
authenticates the sender, compare `Frame.from_bytes(...).contributors` with that sender before adding, and
check the length of what `decrypt` returns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradveil.exchange import wire
from gradveil.exchange.errors import WireError
from he import _seal
from he.errors import CapacityError, FrameError
from he.params import CkksParams

BINDING_BYTES = 32
MAX_VALUES = 2**24
"""Longest vector of one frame, about half a gigabyte of ciphertext."""

_KIND = "he-frame"
_VERSION = 1
_TYPES = (bytes, bytes, list, int, list)
_LENGTH_BYTES = 4
_MAX_NAME = 200
_NAME_BYTES = 4 * _MAX_NAME + 8
_HEADER_BYTES = 256
_CHUNK_OVERHEAD = 8


@dataclass(frozen=True, eq=False, repr=False)
class Frame:
    """The sum over `contributors` of vectors of `count` values; one contributor means a fresh upload.

    `binding` is the caller's 32-byte hash of what the values stand for: job, round, layout, selection.

    Raises:
        FrameError: a malformed binding or name, or another number of chunks than `count` needs.
        CapacityError: too many values or contributors.
    """

    params: CkksParams
    binding: bytes
    contributors: tuple[str, ...]
    count: int
    chunks: tuple[bytes, ...]

    def __post_init__(self) -> None:
        require_binding(self.binding)
        _require_names(self.contributors, self.params)
        needed = chunk_count(self.count, self.params)
        if len(self.chunks) != needed:
            raise FrameError(
                f"{len(self.chunks)} chunks for {self.count} values, not {needed}; ask for a resend"
            )

    def __repr__(self) -> str:
        return (
            f"Frame({self.count} values of {len(self.contributors)} contributors, {len(self.chunks)} chunks)"
        )

    def to_bytes(self) -> bytes:
        """Canonical bytes, of a length that only parameters, names and `count` determine."""
        padded = [_pad(chunk, _padded_bytes(self.params)) for chunk in self.chunks]
        fields = [self.params.hash, self.binding, list(self.contributors), self.count, padded]
        return wire.pack(_KIND, _VERSION, fields)

    @classmethod
    def from_bytes(cls, data: bytes, params: CkksParams) -> "Frame":
        """Decode a frame made under these parameters; no chunk is looked into.

        Raises:
            FrameError: damaged, oversized or non-canonical bytes, or other parameters.
            CapacityError: too many values or contributors.
        """
        params_hash, binding, names, count, padded = _unpack(data, params)
        if params_hash != params.hash:
            raise FrameError("a frame of other parameters; give all parties the same CkksParams")
        _require_elements(names, str, "contributors")
        _require_elements(padded, bytes, "chunks")
        chunks = tuple(_unpad(chunk, _padded_bytes(params)) for chunk in padded)
        return cls(params, binding, tuple(names), count, chunks)

    def require_bound_to(self, binding: bytes) -> None:
        """Raise FrameError unless the frame was made for this binding."""
        if self.binding != require_binding(binding):
            raise FrameError(
                "a frame of another job, round, layout or selection; refuse it and ask for the right one"
            )


def chunk_count(count: int, params: CkksParams) -> int:
    """Ciphertexts that `count` values fill; CapacityError outside 1 .. MAX_VALUES."""
    if not 1 <= count <= MAX_VALUES:
        raise CapacityError(f"{count} values are not in 1 .. {MAX_VALUES}; split the vector")
    return -(-count // params.slots)


def require_binding(binding: bytes) -> bytes:
    """The binding itself; FrameError unless it is 32 bytes."""
    if not isinstance(binding, bytes) or len(binding) != BINDING_BYTES:
        raise FrameError("a binding is not 32 bytes; pass a SHA-256 of job, round, layout and selection")
    return binding


def _unpack(data: bytes, params: CkksParams) -> list[Any]:
    chunks = chunk_count(MAX_VALUES, params) * (_padded_bytes(params) + _CHUNK_OVERHEAD)
    limit = _HEADER_BYTES + params.max_clients * _NAME_BYTES + chunks
    try:
        return wire.unpack(data, _KIND, _VERSION, _TYPES, max_bytes=limit)
    except WireError as error:
        raise FrameError(str(error)) from error


def _require_elements(found: list[Any], expected: type, what: str) -> None:
    if any(type(element) is not expected for element in found):
        raise FrameError(f"{what} are not all {expected.__name__}; the sender is broken")


def _require_names(names: Sequence[str], params: CkksParams) -> None:
    if len(names) > params.max_clients:
        raise CapacityError(
            f"{len(names)} contributors exceed the {params.max_clients} of the parameters; use fewer"
        )
    if not names or list(names) != sorted(set(names)):
        raise FrameError("contributors are missing, repeated or unordered; the sender is broken")
    if not all(name.isprintable() and 0 < len(name) <= _MAX_NAME for name in names):
        raise FrameError(f"a contributor's name is not 1 to {_MAX_NAME} printable characters; rename it")


def _padded_bytes(params: CkksParams) -> int:
    return _LENGTH_BYTES + _seal.chunk_bytes(params)


# SEAL always compresses with zstd, so the length of a ciphertext varies by some bytes with its random
# residues (61350 to 61443 of 65536 for the default parameters). Padding all of them to one length makes the
# byte counts of a run reproducible, and a length says nothing about the content.
def _pad(blob: bytes, size: int) -> bytes:
    if len(blob) > size - _LENGTH_BYTES:
        raise FrameError(f"a ciphertext of {len(blob)} bytes exceeds its bound; report these CkksParams")
    return (len(blob).to_bytes(_LENGTH_BYTES, "little") + blob).ljust(size, b"\0")


def _unpad(chunk: bytes, size: int) -> bytes:
    if len(chunk) != size:
        raise FrameError(f"a chunk of {len(chunk)} bytes instead of {size}; ask its sender to send it again")
    end = _LENGTH_BYTES + int.from_bytes(chunk[:_LENGTH_BYTES], "little")
    if end > size or chunk.count(0, end) != size - end:
        raise FrameError("a chunk is not padded with zeros; ask its sender to send it again")
    return chunk[_LENGTH_BYTES:end]
