"""SEAL's own byte layout, built and read here, so that the library only ever parses what we wrote.

Layout of SEAL 4.x (native/src/seal/serialization.h, ciphertext.cpp, plaintext.cpp, dynarray.h): a 16-byte
header, then the members in order. What SEAL writes is always compressed; what it reads need not be.
"""

import struct

import numpy as np
import zstandard
from tenseal import sealapi

from he.errors import HeError
from he.residues import Words
from he.schemes import memory

_HEADER = struct.Struct("<HBBBBHQ")
_MAGIC, _UNCOMPRESSED, _ZSTD = 0xA15E, 0, 2
_PLAINTEXT = struct.Struct("<32sQd")
_CIPHERTEXT = struct.Struct("<32sBQQQdQ")
_COUNT = struct.Struct("<Q")
_ARRAY_BYTES = _HEADER.size + _COUNT.size
_BLAKE2XB = b"\1"
_PRIMES, _POLYNOMIALS, _CORRECTION = 1, 2, 1


class UnknownLayoutError(HeError):
    """The installed SEAL writes another layout than this module knows."""


def plaintext(parms_id: bytes, words: Words) -> bytes:
    """A plaintext, or a secret key, of these coefficients."""
    return _with_header(_PLAINTEXT.pack(parms_id, words.size, 1.0) + _array(words))


def ciphertext(parms_id: bytes, words: Words, *, ntt: bool, scale: float) -> bytes:
    """Both polynomials, or a public key: words (2 N,)."""
    return _with_header(_members(parms_id, words.size // _POLYNOMIALS, ntt, scale) + _array(words))


def seeded_ciphertext(parms_id: bytes, words: Words, seed: bytes, *, ntt: bool, scale: float) -> bytes:
    """The first polynomial, words (N,), and the 64-byte seed from which SEAL expands the second."""
    info = _with_header(_BLAKE2XB + seed)
    return _with_header(_members(parms_id, words.size, ntt, scale) + _array(words) + info)


def plaintext_words(saved: bytes) -> Words:
    """Coefficients of a saved plaintext or secret key; trailing zeros may be missing."""
    return _read_array(_body(saved), _PLAINTEXT.size)


def ciphertext_words(saved: bytes) -> Words:
    """Residues of all polynomials that a saved ciphertext or public key holds."""
    return _read_array(_body(saved), _CIPHERTEXT.size)


def seeded_parts(saved: bytes) -> tuple[Words, bytes]:
    """Residues of the first polynomial and the 64-byte seed of the second of a saved seeded ciphertext.

    Raises:
        UnknownLayoutError: no Blake2xb seed at its end.
    """
    body = _body(saved)
    tail = body[-_HEADER.size - 65 :]
    if len(tail) != _HEADER.size + 65 or tail[_HEADER.size : _HEADER.size + 1] != _BLAKE2XB:
        raise UnknownLayoutError("SEAL wrote no Blake2xb seed; install tenseal 0.3.16 to 0.3.18")
    return _read_array(body, _CIPHERTEXT.size), tail[-64:]


def _members(parms_id: bytes, degree: int, ntt: bool, scale: float) -> bytes:
    return _CIPHERTEXT.pack(parms_id, ntt, _POLYNOMIALS, degree, _PRIMES, scale, _CORRECTION)


def _array(words: Words) -> bytes:
    return _with_header(_COUNT.pack(words.size) + words.astype("<u8", copy=False).tobytes())


def _with_header(body: bytes) -> bytes:
    size = _HEADER.size + len(body)
    return _HEADER.pack(_MAGIC, _HEADER.size, *_VERSION, _UNCOMPRESSED, 0, size) + body


def _body(saved: bytes) -> bytes:
    magic, size, _major, _minor, compression, _, total = _HEADER.unpack_from(saved)
    if (magic, size, compression, total) != (_MAGIC, _HEADER.size, _ZSTD, len(saved)):
        raise UnknownLayoutError("SEAL writes an unknown layout; install tenseal 0.3.16 to 0.3.18")
    return zstandard.ZstdDecompressor().decompressobj().decompress(saved[_HEADER.size :])


def _read_array(body: bytes, start: int) -> Words:
    (count,) = _COUNT.unpack_from(body, start + _HEADER.size)
    return np.frombuffer(body, "<u8", count, start + _ARRAY_BYTES).astype(np.uint64, copy=False)


def _library_version() -> tuple[int, int]:
    saved = memory.saved(sealapi.Plaintext())
    return saved[3], saved[4]


_VERSION = _library_version()
