"""Normalisation layers: batch statistics row by row, and inputs normalised but not yet scaled."""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from attacks.errors import AttackError
from attacks.gradients.rows import by_row

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm
InstanceNorm = nn.InstanceNorm1d | nn.InstanceNorm2d


class RowBatchNorm(nn.Module):
    """Batch normalisation by the statistics of each row's own examples, as clients in training mode compute.

    Keeps the parameters and buffers of the layer it stands for, under the same names.

    Source: Ioffe and Szegedy 2015, algorithm 1; variance with divisor n, as torch normalises.
    """

    rows = 1
    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, original: BatchNorm) -> None:
        super().__init__()
        self.eps = original.eps
        self.register_parameter("weight", original.weight)
        self.register_parameter("bias", original.bias)
        self.register_buffer("running_mean", original.running_mean)
        self.register_buffer("running_var", original.running_var)

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised, scaled and shifted inputs (rows * B, C, ...)."""
        output = self.normalised(by_row(inputs, self.rows)).flatten(0, 1)
        if self.weight is None or self.bias is None:
            return output
        shape = (-1,) + (1,) * (inputs.ndim - 2)
        return output * self.weight.reshape(shape) + self.bias.reshape(shape)

    def normalised(self, values: Tensor) -> Tensor:
        """Values (R, B, C, ...) with mean 0 and variance 1 in each row and channel.

        Raises:
            AttackError: one value for each row and channel, which torch refuses to train on too.
        """
        axes = (1, *range(3, values.ndim))
        if values[0, :, 0].numel() == 1:
            raise AttackError("batch statistics of a single value are void; take a larger batch or 'running'")
        centred = values - values.mean(axes, keepdim=True)
        variance = centred.square().mean(axes, keepdim=True)
        return centred / (variance + self.eps).sqrt()


def with_row_statistics(network: nn.Module, batch_norm: Literal["running", "batch"]) -> nn.Module:
    """A copy of the network in which no batch normalisation mixes rows.

    Args:
        network: any module.
        batch_norm: "batch" replaces every batch normalisation, "running" only those that keep no statistics
            and therefore normalise by their batch in eval mode too.
    """
    network = copy.deepcopy(network)
    replaced: dict[nn.Module, nn.Module] = {}
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if isinstance(module, BatchNorm) and (batch_norm == "batch" or module.running_mean is None):
            layer = replaced.setdefault(module, RowBatchNorm(module))
            if not name:
                return layer
            network.set_submodule(name, layer)
        if isinstance(module, InstanceNorm) and batch_norm == "batch":
            module.track_running_stats = False
    return network


Normalisation = RowBatchNorm | BatchNorm | InstanceNorm | nn.LayerNorm | nn.GroupNorm


def normalised(module: Normalisation, values: Tensor) -> Tensor:
    """Values (R, B, ...) as a normalisation layer scales and shifts them."""
    if isinstance(module, RowBatchNorm):
        return module.normalised(values)
    return _by_example(module, values.flatten(0, 1)).reshape(values.shape)


def _by_example(module: BatchNorm | InstanceNorm | nn.LayerNorm | nn.GroupNorm, inputs: Tensor) -> Tensor:
    """Inputs (N, ...) normalised by a layer that treats every example alone."""
    if isinstance(module, nn.LayerNorm):
        return F.layer_norm(inputs, module.normalized_shape, eps=module.eps)
    if isinstance(module, nn.GroupNorm):
        return F.group_norm(inputs, module.num_groups, eps=module.eps)
    statistics = (module.running_mean, module.running_var)
    if isinstance(module, InstanceNorm):
        own = not module.track_running_stats
        return F.instance_norm(inputs, *statistics, use_input_stats=own, eps=module.eps)
    return F.batch_norm(inputs, *statistics, training=False, eps=module.eps)


def rows_of(network: nn.Module, rows: int) -> AbstractContextManager[None]:
    """Let batch statistics be those of this many equal rows of the batch while the context lasts."""
    return _rows_of(network, rows) if rows > 1 else nullcontext()


@contextmanager
def _rows_of(network: nn.Module, rows: int) -> Iterator[None]:
    layers = [module for module in network.modules() if isinstance(module, RowBatchNorm)]
    for layer in layers:
        layer.rows = rows
    try:
        yield
    finally:
        for layer in layers:
            layer.rows = 1
