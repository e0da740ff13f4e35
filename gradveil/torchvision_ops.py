"""Makes torchvision importable next to a CPU build of torch.

The registry's torchvision carries compiled operators that need CUDA libraries; without them its import fails
because it refers to operators nobody defined. This project uses none of them, so empty definitions do.
"""

from importlib.util import find_spec
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[torch.library.Library] = []


def define_missing_ops() -> None:
    """Define `nms` and `qnms` if torchvision's own cannot be loaded; call before importing torchvision."""
    if _libraries or _compiled_ops_load():
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _libraries.append(library)


def _compiled_ops_load() -> bool:
    spec = find_spec("torchvision")
    places = spec.submodule_search_locations if spec is not None else None
    compiled = [path for place in places or () for path in Path(place).glob("_C*.so")]
    try:
        for path in compiled:
            torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(compiled)
