"""In which precision the network's own passes compute; sums of gradients stay in the weights' type."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch

Precision = Literal["full", "tf32", "bf16"]
"""`full`: the type of the weights, without shortcuts. `tf32`: CUDA rounds factors of float32 products to 10
bits of mantissa; nothing changes elsewhere. `bf16`: layers compute in bfloat16, 7 bits of mantissa."""


def narrowed(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Let the layers of a network that is called meanwhile compute in bfloat16, if so chosen.

    Casts are not cached, as a CUDA graph would keep them beyond their lifetime.
    """
    if precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)


def tensor_cores(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Let CUDA round factors of float32 products to TF32 meanwhile, only if so chosen.

    Torch allows it in convolutions unless told otherwise, and then a search in float32 ends at its noise.
    """
    return _rounding(precision == "tf32") if device.type == "cuda" else nullcontext()


@contextmanager
def _rounding(chosen: bool) -> Iterator[None]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32, cudnn.allow_tf32 = chosen, chosen
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
