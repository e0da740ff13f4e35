"""Update and layout from files that nobody vouches for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from gradveil.exchange import InvalidUpdateError, Layout, LayoutMismatchError
from gradveil.inspection.errors import InspectionError, reason_of

FLAT = "update"
"""Name of the one tensor of a file that holds a flat vector."""

_MAX_HEADER_BYTES = 2**22
_MAX_LAYOUT_BYTES = 2**22
_LENGTH_BYTES = 8
_BYTES_PER_VALUE = 8  # float64


def read_layout(path: Path) -> Layout:
    """A JSON object with the shape of each tensor by its name, in the order of the flat vector.

    Raises:
        InspectionError: no such JSON, or extents that no tensor has.
    """
    with path.open("rb") as file:
        text = file.read(_MAX_LAYOUT_BYTES + 1)
    try:
        if len(text) > _MAX_LAYOUT_BYTES:
            raise ValueError(f"over {_MAX_LAYOUT_BYTES} bytes")
        pairs = json.loads(text, object_pairs_hook=list)
        return Layout(tuple(name for name, _ in pairs), tuple(tuple(shape) for _, shape in pairs))
    except (ValueError, TypeError, RecursionError, InvalidUpdateError) as error:
        raise InspectionError(
            f'{path} is no layout ({reason_of(error)}); write {{"NAME": [EXTENT, ...], ...}} as JSON'
        ) from error


def read_update(path: Path, layout: Layout, *, flat: bool) -> NDArray[np.float32]:
    """The values of a safetensors file in the order of the layout, shape (layout.size,); never unpickled.

    Args:
        path: named tensors in any order, or one vector named `update`.
        layout: names and shapes that the file must have.
        flat: whether the layout may stand for the names and shapes that a flat vector lacks.

    Raises:
        InspectionError: no safetensors, truncated or too large; a flat vector without a layout.
        LayoutMismatchError: other names or shapes.
        InvalidUpdateError: no floating-point values, NaN or infinity.
    """
    tensors = _read_tensors(path, layout.size)
    if set(tensors) == {FLAT} and layout.names != (FLAT,):
        if not flat:
            raise InspectionError(f"{path} holds one flat vector; say by --layout what it is made of")
        _require_shape(path, FLAT, tensors[FLAT], (layout.size,))
        return _float32(path, FLAT, tensors[FLAT])
    _require_names(path, tensors, layout)
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        _require_shape(path, name, tensors[name], shape)
    return np.concatenate([_float32(path, name, tensors[name]) for name in layout.names])


def reordered(values: NDArray[Any], source: Layout, target: Layout) -> NDArray[Any]:
    """A flat vector of one layout in the order of another that has the same tensors.

    Raises:
        LayoutMismatchError: it has not.
    """
    ours, theirs = (dict(zip(each.names, each.shapes, strict=True)) for each in (target, source))
    for name in (*target.names, *source.names):
        if ours.get(name) != theirs.get(name):
            raise LayoutMismatchError(
                f"tensor {name!r} is {ours.get(name, 'absent')} in the model and "
                f"{theirs.get(name, 'absent')} in the layout; give the layout of this model"
            )
    return np.concatenate([values[source.slices[name]] for name in target.names])


def _read_tensors(path: Path, values: int) -> dict[str, Tensor]:
    limit = _LENGTH_BYTES + _MAX_HEADER_BYTES + _BYTES_PER_VALUE * values
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InspectionError(f"{path} is larger than an update of {values} values; give this model's update")
    try:
        if int.from_bytes(data[:_LENGTH_BYTES], "little") > _MAX_HEADER_BYTES:
            raise ValueError(f"its header claims over {_MAX_HEADER_BYTES} bytes")
        return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InspectionError(
            f"{path} is no whole safetensors file ({reason_of(error)}); write it with safetensors' save_file"
        ) from error


def _require_names(path: Path, tensors: dict[str, Tensor], layout: Layout) -> None:
    absent = [name for name in layout.names if name not in tensors]
    foreign = [name for name in tensors if name not in layout.slices]
    if absent or foreign:
        lacks = f"lacks {', '.join(absent[:3])}" if absent else ""
        holds = f"holds {', '.join(foreign[:3])}, no parameter" if foreign else ""
        what = " and ".join(part for part in (lacks, holds) if part)
        raise LayoutMismatchError(f"{path} {what}; save the gradients of the model's named_parameters()")


def _require_shape(path: Path, name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise LayoutMismatchError(
            f"{path}: tensor {name!r} is {tuple(tensor.shape)}, not {shape}; give the update of this model"
        )


def _float32(path: Path, name: str, tensor: Tensor) -> NDArray[np.float32]:
    if not tensor.is_floating_point():
        raise InvalidUpdateError(f"{path}: tensor {name!r} is {tensor.dtype}; save floating-point gradients")
    values = tensor.to(torch.float32)
    if not bool(torch.isfinite(values).all()):
        raise InvalidUpdateError(f"{path}: tensor {name!r} is NaN or infinite somewhere; nothing fits that")
    return values.numpy().ravel()
