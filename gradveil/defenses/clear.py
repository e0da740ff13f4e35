"""Clear parts of uploads: cutting them out and adding them up."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradveil.defenses.base import DefenseError
from gradveil.exchange import Clear, Download, Update, Upload, WireError


def clear_part(contribution: NDArray[np.float32], coords: NDArray[np.int64]) -> Clear:
    """The readable slice of a contribution."""
    return Clear(coords, contribution[coords])


def clear_sum(uploads: Sequence[Upload], coords: NDArray[np.int64]) -> Clear:
    """Sum of the clear parts at exactly these coordinates, in float64, rounded once.

    Raises:
        WireError: a client's clear part covers other coordinates.
    """
    total = np.zeros(coords.size)
    for upload in uploads:
        total += _values_at(upload, coords)
    return Clear(coords, total.astype(np.float32))


def mean_of_clear(download: Download) -> Update:
    """The weighted mean from a download that is one readable sum.

    Raises:
        DefenseError: the sum is sealed.
    """
    match download.parts:
        case (Clear(values=values),) if values.size == download.layout.wire_size:
            return Update.mean_of_sum(download.layout, values.astype(np.float64))
        case _:
            raise DefenseError("the sum is not readable; the server runs another defense")


def _values_at(upload: Upload, coords: NDArray[np.int64]) -> NDArray[np.float32]:
    for part in upload.parts:
        if isinstance(part, Clear) and np.array_equal(part.coords, coords):
            return part.values
    raise WireError(
        f"client {upload.client!r} left other coordinates readable; give all clients one selection"
    )
