"""Rectifiers and max-pooling without kinks, as sharp as wanted: for continuation towards the real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, relu, sigmoid
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from attacks.annealing import Progress
from attacks.checks import require_positive
from attacks.searches import Objective

_NEGLIGIBLE = 100.0
"""Padding lies this far below everything else, in units of the inverse sharpness."""

_POOL_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")


def smooth_relu(values: Tensor, sharpness: float) -> Tensor:
    """The rectifier as x sigmoid(s x), which it is for s to infinity.

    Source: Ramachandran et al. 2017 (Swish), section 2.
    """
    return values * sigmoid(sharpness * values)


def soft_pool(
    maps: Tensor,
    sharpness: float,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """The mean of every window, weighted by the softmax of s times its values, of maps (N, C, H, W).

    Source: Stergiou et al. 2021 (SoftPool), equation 2, with the sharpness of the weights added.
    """
    if padding:
        floor = float(maps.detach().min()) - _NEGLIGIBLE / sharpness
        maps = F.pad(maps, (padding,) * 4, value=floor)
    height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    stride = stride or (height, width)
    down, across = (stride, stride) if isinstance(stride, int) else stride
    rows = maps.unfold(2, dilation * (height - 1) + 1, down).unfold(3, dilation * (width - 1) + 1, across)
    values = rows[..., ::dilation, ::dilation].flatten(-2)
    return (values * (sharpness * values).softmax(-1)).sum(-1)


class Smoothed(TorchFunctionMode):
    """While it lasts, `relu` and `max_pool2d` of any network are smooth; their derivatives of any order too.

    Pooling that rounds its extents up or returns indices stays as it is.
    """

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        require_positive("sharpness", sharpness)
        self.sharpness = sharpness

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  whatever torch's function returns
        """The smooth function where there is one."""
        given = dict(kwargs or {})
        if func in _RELUS:
            return smooth_relu(args[0], self.sharpness)
        if func in _POOLS:
            settings = {**dict(zip(_POOL_ARGUMENTS, args[1:], strict=False)), **given}
            if not settings.pop("ceil_mode", False) and not settings.pop("return_indices", False):
                return soft_pool(args[0], self.sharpness, **settings)
        return func(*args, **given)


_RELUS = (F.relu, relu, Tensor.relu)
_POOLS = (F.max_pool2d,)


@dataclass(frozen=True)
class SmoothedObjective:
    """An objective whose network is smooth.

    Attributes:
        objective: with the real network.
        sharpness: of rectifiers and max-pooling, in units of one over their inputs.
    """

    objective: Objective
    sharpness: float

    def __call__(self, points: Tensor, progress: Progress = 1.0) -> tuple[Tensor, Tensor]:
        """Values (R,) and gradients (R, d) at points (R, d)."""
        with Smoothed(self.sharpness):
            return self.objective(points, progress)
