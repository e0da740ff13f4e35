"""Where a network may be locked, and what is around the only lock of a chain of layers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attacks.errors import NotApplicableError
from attacks.exact.entrance import Entrance, entrance_of
from attacks.exact.recursion.activations import Activation
from attacks.exact.recursion.chain import Chain, activation_behind, layer_of
from attacks.exact.recursion.layer import Layer
from attacks.locked.equations import Anchors
from attacks.model import Model
from attacks.model.recording import Call, recorded


@dataclass(frozen=True, eq=False)
class LockedChain:
    """One convolution, a normalisation without scale and shift of its own, and a chain of layers.

    Attributes:
        entrance: what is done to an image before the first layer.
        first: the convolution whose outputs are normalised and locked.
        site: name of the normalisation.
        eps: what it adds to variances.
        activation: behind the lock.
        rest: the other layers, up to the logits.
    """

    entrance: Entrance
    first: Layer
    site: str
    eps: float
    activation: Activation
    rest: Chain

    @property
    def offsets(self) -> Tensor:
        """The first convolution's biases (O,)."""
        return self.first.offsets.reshape(len(self.first.weight), -1)[:, 0]

    def anchors(self, lock: Tensor, model: Model) -> Anchors:
        """Scales s and shifts t (O,) of W x = s u + t from those of a lock, u = gamma zhat + beta, (2, O).

        Raises:
            NotApplicableError: the network normalises by the example's own statistics, which nobody knows.
        """
        norm = model.network.get_submodule(self.site)
        if model.batch_norm != "running" or not isinstance(norm, nn.BatchNorm2d):
            raise NotApplicableError("a lock says nothing of an example's own statistics; give its moments")
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        scale, shift = lock.to(mean)
        scales = torch.where(scale == 0, 0.0, (variance + self.eps).sqrt() / scale)
        return Anchors(scales, mean - self.offsets - scales * shift)


def lock_sites(model: Model) -> tuple[str, ...]:
    """Names of the batch normalisations without scale and shift, behind which those of a lock are missing.

    Raises:
        NotApplicableError: there is none.
    """
    layers = {name: model.network.get_submodule(name) for name in model.batch_norm_layers}
    found = tuple(name for name, layer in layers.items() if getattr(layer, "weight", None) is None)
    if not found:
        raise NotApplicableError("every normalisation has its own scale and shift, so nothing is locked")
    return found


def locked_chain(model: Model) -> LockedChain:
    """The parts of a network in float64, found out by passing noise through it.

    Raises:
        NotApplicableError: several locks, or anything but convolutions, linear layers and invertible
            activations in a chain whose first layer is locked.
    """
    sites = lock_sites(model)
    if len(sites) > 1:
        raise NotApplicableError(f"{len(sites)} normalisations are locked; use locked_matching")
    names = [name for name, one in model.network.named_modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    noise = torch.rand(1, *model.input_shape, generator=torch.Generator().manual_seed(0))
    image = noise.to(model.device, model.dtype)
    with recorded(model.network, (*names, *sites)) as calls, torch.no_grad():
        logits = model.logits(image)
    if len(names) < 2 or any(len(found) != 1 for found in calls.values()):
        raise NotApplicableError("layers are not called just once, in a chain; use locked_matching")
    called = [calls[name][0] for name in names]
    site, entrance = calls[sites[0]][0], entrance_of(image[0], called[0].input[0])
    if entrance is None or not _chained(called, site) or not torch.equal(called[-1].output, logits):
        raise NotApplicableError("the lock is not behind the first of a chain of layers; use locked_matching")
    first, *layers = (layer_of(model, name, call) for name, call in zip(names, called, strict=True))
    between = zip(names[1:], called[1:], called[2:], strict=False)
    activations = tuple(activation_behind(name, call, following) for name, call, following in between)
    rest = Chain(entrance, tuple(layers), activations)
    eps = float(model.network.get_submodule(sites[0]).eps)  # type: ignore[arg-type]
    return LockedChain(entrance, first, sites[0], eps, activation_behind(sites[0], site, called[1]), rest)


def _chained(called: list[Call], site: Call) -> bool:
    return torch.equal(called[0].output, site.input)
