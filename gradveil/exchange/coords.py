"""Sets of coordinates of one flat vector, and their shortest canonical bytes."""

import numpy as np
from numpy.typing import NDArray

from gradveil.exchange.errors import InvalidUpdateError, WireError

Coords = NDArray[np.int64]
"""Strictly increasing coordinates, shape (n,)."""

_RUNS, _BITMAP = b"r", b"b"
_RUN_BYTES = 8


def require_increasing(coords: Coords) -> None:
    """Raise InvalidUpdateError unless the coordinates are int64, non-negative and strictly increasing."""
    if coords.dtype != np.int64 or coords.ndim != 1:
        raise InvalidUpdateError(f"coordinates are {coords.dtype}{coords.shape}, not int64 (n,)")
    if coords.size and (coords[0] < 0 or np.any(np.diff(coords) <= 0)):
        raise InvalidUpdateError("coordinates are negative, repeated or unordered; use np.flatnonzero")


def from_mask(mask: NDArray[np.bool_]) -> Coords:
    """Coordinates where the mask is true."""
    return np.flatnonzero(mask).astype(np.int64)


def to_mask(coords: Coords, size: int) -> NDArray[np.bool_]:
    """Boolean mask of shape (size,), true at the coordinates."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[coords] = True
    return mask


def to_bytes(coords: Coords, size: int) -> bytes:
    """Runs of (start, stop) as uint32, or a packed bitmap, whichever is shorter.

    Raises:
        InvalidUpdateError: a coordinate is not below `size`.
    """
    if coords.size and coords[-1] >= size:
        raise InvalidUpdateError(f"coordinate {coords[-1]} does not exist among {size}; check the layout")
    runs = _runs(coords)
    if len(runs) * _RUN_BYTES <= (size + 7) // 8:
        return _RUNS + runs.astype("<u4").tobytes()
    return _BITMAP + np.packbits(to_mask(coords, size)).tobytes()


def from_bytes(data: bytes, size: int) -> Coords:
    """Decode coordinates below `size`.

    Raises:
        WireError: unknown form, out of range, unordered, or not the canonical form.
    """
    form, body = data[:1], data[1:]
    if form == _RUNS:
        coords = _from_runs(body, size)
    elif form == _BITMAP:
        coords = _from_bitmap(body, size)
    else:
        raise WireError("unknown form of coordinates; upgrade the older side")
    if to_bytes(coords, size) != data:
        raise WireError("coordinates not in canonical form; encode them with to_bytes()")
    return coords


def _runs(coords: Coords) -> NDArray[np.int64]:
    if coords.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    breaks = np.flatnonzero(np.diff(coords) != 1) + 1
    starts = coords[np.concatenate(([0], breaks))]
    stops = coords[np.concatenate((breaks - 1, [coords.size - 1]))] + 1
    return np.stack((starts, stops), axis=1)


def _from_runs(body: bytes, size: int) -> Coords:
    if len(body) % _RUN_BYTES or len(body) > size + _RUN_BYTES:
        raise WireError("runs of coordinates have an impossible length; the message is damaged, resend")
    bounds = np.frombuffer(body, dtype="<u4").astype(np.int64)
    if bounds.size and (np.any(np.diff(bounds) <= 0) or bounds[-1] > size):
        raise WireError("runs of coordinates are unordered or out of range; the sender is broken")
    pieces = [np.arange(start, stop) for start, stop in bounds.reshape(-1, 2)]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)


def _from_bitmap(body: bytes, size: int) -> Coords:
    if len(body) != (size + 7) // 8:
        raise WireError(f"bitmap of {len(body)} bytes for {size} coordinates; check the layout")
    return from_mask(np.unpackbits(np.frombuffer(body, dtype=np.uint8), count=size).astype(np.bool_))
