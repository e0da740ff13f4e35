"""Networks that are nothing but layers one after the other, with invertible activations between them."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from attacks.errors import NotApplicableError
from attacks.exact.entrance import Entrance, entrance_of
from attacks.exact.recursion.activations import Activation, activation_between
from attacks.exact.recursion.layer import Layer
from attacks.model import Model
from attacks.model.recording import Call, recorded


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers from the image to the logits, or to what a layer before them puts out.

    Attributes:
        entrance: what is done to an image before the first layer.
        layers: first to last; the last one is linear.
        activations: what lies behind each layer but the last.
    """

    entrance: Entrance
    layers: tuple[Layer, ...]
    activations: tuple[Activation, ...]


def chain_of(model: Model, last: str | None = None) -> Chain:
    """The layers of a network in float64 and what lies between them, found out by passing noise through it.

    Args:
        model: the public network.
        last: layer behind which nothing is looked at; None for the one that makes the logits.

    Raises:
        NotApplicableError: there is anything else than ungrouped two-dimensional convolutions and linear
            layers, each called once, and leaky ReLUs, ReLUs, sigmoids or hyperbolic tangents.
    """
    names = [name for name, one in model.network.named_modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    names = names if last is None else names[: names.index(last) + 1]
    noise = torch.rand(1, *model.input_shape, generator=torch.Generator().manual_seed(0))
    image = noise.to(model.device, model.dtype)
    with recorded(model.network, names) as calls, torch.no_grad():
        logits = model.logits(image)
    if any(len(calls[name]) != 1 for name in names):
        raise NotApplicableError("some layer is not called just once; use gradient matching")
    if len(names) < 2:
        raise NotApplicableError(f"{len(names)} layers leave nothing to undo; use partial_linear")
    chain = [calls[name][0] for name in names]
    entrance = entrance_of(image[0], chain[0].input[0])
    if entrance is None or not (last or torch.equal(chain[-1].output, logits)):
        raise NotApplicableError("the layers do not lead from the image to the logits; use gradient matching")
    layers = tuple(layer_of(model, name, call) for name, call in zip(names, chain, strict=True))
    between = zip(names, chain[:-1], chain[1:], strict=False)
    return Chain(
        entrance, layers, tuple(activation_behind(name, call, following) for name, call, following in between)
    )


def layer_of(model: Model, name: str, call: Call) -> Layer:
    """A layer with the shapes of one of its calls.

    Raises:
        NotApplicableError: a grouped convolution, or a linear layer of several positions.
    """
    module = model.network.get_submodule(name)
    assert isinstance(module, nn.Conv2d | nn.Linear)  # noqa: S101  the names are those of such layers
    layer = Layer(name, module, tuple(call.input.shape[1:]), tuple(call.output.shape[1:]))
    if isinstance(module, nn.Conv2d) and module.groups > 1:
        raise NotApplicableError(f"the convolution {name} is grouped; use gradient matching")
    if isinstance(module, nn.Linear) and len(layer.input_shape) > 1:
        raise NotApplicableError(f"{name} sees several positions; use gradient matching")
    return layer


def activation_behind(name: str, call: Call, following: Call) -> Activation:
    """What lies between a layer's output and the next one's input.

    Raises:
        NotApplicableError: nothing that can be inverted.
    """
    arguments, values = call.output.flatten(), following.input.flatten()
    same = math.prod(arguments.shape) == math.prod(values.shape)
    found = activation_between(arguments, values) if same else None
    if found is None:
        raise NotApplicableError(
            f"what follows {name} is no activation that can be inverted (pooling, normalisation and skips "
            "cannot); use gradient matching"
        )
    return found
