"""Data sets in numpy's archives, read without trusting them."""

import zipfile
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gradveil.data.dataset import DataError, Dataset, evenly_spaced, one_line

_MAX_BYTES = 2**31
_MAX_CLASSES = 100_000
_BROKEN = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)

Array = NDArray[Any]


def load_npz(path: Path) -> Dataset:
    """Arrays `images` uint8 (N, H, W, C) or (N, H, W), `labels` integer (N,), perhaps names `classes`.

    Nothing is unpickled, and no more is unpacked than the archive's own directory and headers announce.

    Raises:
        DataError: no archive, truncated, too large; an array is missing or of another type or shape.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            images, labels = _array(archive, "images"), _array(archive, "labels")
            names = _array(archive, "classes") if "classes.npy" in archive.namelist() else None
    except _BROKEN as error:
        raise DataError(f"{path} is no readable .npz ({one_line(error)}); write it with np.savez") from error
    _require_images(images, path)
    _require_labels(labels, len(images), path)
    kept = evenly_spaced(len(images))
    pixels = _channels_first(images[kept]).astype(np.float32) / np.float32(255)
    return Dataset(f"npz:{path.name}", pixels, labels[kept].astype(np.int64), _classes(names, labels, path))


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    """One array whose header announces no more than the archive holds; never unpickled."""
    try:
        member = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise DataError(f"{archive.filename} has no array {name!r}; add it with np.savez") from None
    if member.file_size > _MAX_BYTES:
        raise DataError(f"{archive.filename}: {name!r} exceeds {_MAX_BYTES} bytes; split the file")
    with archive.open(member) as file:
        shape, _, dtype = _header(file)
    if prod(shape) * max(dtype.itemsize, 1) > member.file_size:
        raise ValueError(f"the header of {name!r} announces more than the file holds")
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers: dict[tuple[int, int], Callable[..., Any]] = {
        (1, 0): npy.read_array_header_1_0,
        (2, 0): npy.read_array_header_2_0,
    }
    version = npy.read_magic(file)
    if version not in readers:
        raise ValueError(f"version {version} of the .npy format")
    shape, fortran_order, dtype = readers[version](file)
    return shape, fortran_order, dtype


def _require_images(images: Array, path: Path) -> None:
    shaped = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    if images.dtype != np.uint8 or not shaped or images.size == 0:
        found = f"{images.dtype}{images.shape}"
        raise DataError(f"{path}: images are {found}; need uint8 (N, H, W) or (N, H, W, 1 or 3), none empty")


def _require_labels(labels: Array, count: int, path: Path) -> None:
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        found = f"{labels.dtype}{labels.shape}"
        raise DataError(f"{path}: labels are {found}; need one integer for each of the {count} images")
    if int(labels.min()) < 0 or int(labels.max()) >= _MAX_CLASSES:
        raise DataError(f"{path}: labels must lie in 0 .. {_MAX_CLASSES - 1}; renumber them")


def _classes(names: Array | None, labels: Array, path: Path) -> int:
    if names is None:
        return int(labels.max()) + 1
    if names.dtype.kind != "U" or names.ndim != 1 or len(names) > _MAX_CLASSES:
        raise DataError(f"{path}: classes are {names.dtype}{names.shape}; need one row of names")
    return len(names)


def _channels_first(images: Array) -> Array:
    return images[:, None] if images.ndim == 3 else np.ascontiguousarray(np.moveaxis(images, 3, 1))
