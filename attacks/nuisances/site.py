"""What nuisances that enter at one layer share: shapes at the layer, first guesses, normal beliefs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.model import Model


def output_shape(model: Model, site: str) -> tuple[int, ...]:
    """Shape of one example's output at a layer, by a dry run.

    Raises:
        AttackError: there is no such layer, it is not called exactly once, or its output is not one tensor
            with an entry for each example.
    """
    layers = dict(model.network.named_modules())
    if site not in layers:
        raise AttackError(f"the model has no layer {site!r}; take a name of its network.named_modules()")
    outputs = _dry_run(model, layers[site], examples=2)
    if len(outputs) != 1:
        raise AttackError(f"layer {site!r} is called {len(outputs)} times; a secret enters where one call is")
    if not isinstance(outputs[0], Tensor) or outputs[0].shape[:1] != (2,) or outputs[0].ndim < 2:
        raise AttackError(f"layer {site!r} does not give one tensor (N, ...); take another layer")
    return tuple(outputs[0].shape[1:])


def _dry_run(model: Model, layer: nn.Module, examples: int) -> list[object]:
    outputs: list[object] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    images = torch.zeros(examples, *model.input_shape, device=model.device, dtype=model.dtype)
    try:
        with torch.no_grad():
            model.logits(images)
    finally:
        handle.remove()
    return outputs


def normal(shape: Sequence[int], model: Model, rng: torch.Generator) -> Tensor:
    """Standard normal values where the model computes, drawn from a CPU generator."""
    return torch.randn(*shape, generator=rng).to(model.device, model.dtype)


def normal_negative_log(deviations: Tensor, std: float | None) -> Tensor:
    """Negative log-density (R,), up to a constant, of deviations (R, ...); zeros if std is None."""
    if std is None:
        return deviations.new_zeros(len(deviations))
    return (deviations / std).square().flatten(1).sum(1) / 2


def require_size(std: float | None) -> None:
    """Refuse a standard deviation that is not positive."""
    if std is not None and std <= 0:
        raise AttackError(f"a standard deviation of {std} is void; give a positive one, or None if unknown")


def require_shape(values: Tensor, shape: Sequence[int], site: str) -> None:
    """Refuse values (R, ...) that do not belong to outputs of this shape."""
    if tuple(values.shape) != tuple(shape):
        found, wanted = tuple(values.shape), tuple(shape)
        raise AttackError(f"values {found} do not fit layer {site!r}, which takes {wanted}")
