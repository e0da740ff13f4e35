"""PRECODE as a value: where the bottleneck is, and clients that train with noise of their own."""

import copy
import math
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.model.precode.bottleneck import VariationalBottleneck, bottleneck_of
from gradveil.defenses.model.precode.client import BottleneckClient
from gradveil.defenses.points import ModelDefense

BOTTLENECK, LAYER = "bottleneck", "layer"
"""Names of the bottleneck and of the layer behind it within what takes that layer's place."""


@dataclass(frozen=True)
class Precode(ModelDefense):
    """A variational bottleneck in front of a linear layer, sampled anew in every pass of a client.

    The bottleneck's weights are part of the model and travel; the noise is the client's. Evaluation uses the
    codes' means.

    Attributes:
        size: of the latent code.
        divergence: weight of the Kullback-Leibler divergence in the client's loss.
        layer: name of the linear layer; None for the last one.
        seed: of the bottleneck's first weights, which are public.

    Raises:
        DefenseError: a knob out of range.

    Source: Scheliga et al. 2022 (WACV, PRECODE): in front of the last layer, 256 and 1e-3 in its code.
    """

    name: ClassVar[str] = "precode"
    claim: ClassVar[str] = (
        "without the noise of the bottleneck a gradient is said not to give its image away; nothing is "
        "proven: a first linear layer gives its input all the same, and attacks.bottleneck reads the noise"
    )

    size: int = 256
    divergence: float = 1e-3
    layer: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or not (math.isfinite(self.divergence) and self.divergence >= 0):
            raise DefenseError("a bottleneck needs a size of at least 1 and a finite weight of at least 0")

    def public(self, network: nn.Module) -> nn.Module:
        """A copy with the bottleneck; a network that has one keeps it.

        Raises:
            DefenseError: there is no linear layer of this name, or none at all.
        """
        network = copy.deepcopy(network)
        if bottleneck_of(network) is not None:
            return network
        name, layer = self._linear(network)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            bottleneck = VariationalBottleneck(layer.in_features, self.size).to(layer.weight)
        pair = nn.Sequential(OrderedDict({BOTTLENECK: bottleneck, LAYER: layer}))
        if not name:
            return pair
        network.set_submodule(name, pair)
        return network

    def client(self, network: nn.Module, classes: int, seed: int | None = None) -> BottleneckClient:
        """A client with noise of its own; it trains the network in place.

        Raises:
            DefenseError: the network has no bottleneck.
        """
        rng = torch.Generator().manual_seed(secrets.randbits(63) if seed is None else seed)
        return BottleneckClient(network, self.divergence, rng)

    def _linear(self, network: nn.Module) -> tuple[str, nn.Linear]:
        layers = {name: one for name, one in network.named_modules() if isinstance(one, nn.Linear)}
        name = next(reversed(layers), None) if self.layer is None else self.layer
        if name is None or name not in layers:
            wanted = "no linear layer" if self.layer is None else f"no linear layer {self.layer!r}"
            raise DefenseError(f"the network has {wanted} to put a bottleneck before; name one of another")
        return name, layers[name]
