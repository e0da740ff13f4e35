"""From a rough image to exact inputs of a routed layer: routes and free inputs in turn."""

from dataclasses import dataclass

from torch import Tensor

from attacks.priors import Prior
from attacks.routing.inputs import FreeInputs
from attacks.routing.layer import RoutedLayer, root_mean_square
from attacks.routing.pixels import RoutedDistance
from attacks.routing.trunk import Trunk
from attacks.searches import LBFGS

_ROUGH = ((0.05, 1e-3), (0.033, 1e-3), (0.025, 1e-3), (0.016, 1e-3), (0.008, 1e-4))
"""Temperatures, relative to the features' root mean square, and noises while pixels are the unknowns."""

_TEMPERATURE, _COLDEST = 0.4, 5e-4
"""Temperature of the routes' prior in units of the outputs' error at the known maxima, and its least one."""

_NOISE, _LEAST_NOISE, _MOST_NOISE = 0.3, 1e-8, 1e-2
"""Noise of a reading in units of the misfit so far, and its bounds."""

_PULL = 1e-5
"""Weight of the distance of free inputs from where they were."""

_TRUSTED = 1e-7
"""Misfit below which routes are decided one way or the other."""

_EXACT = 1e-12
"""Misfit of exact inputs, up to the rounding of the readings."""

_FROM_IMAGE = 3
"""First rounds of free inputs, which begin at the image's own."""


@dataclass(frozen=True, eq=False)
class Alternation:
    """Routes by their posterior, then the unknowns by least squares, again and again.

    How far the posterior trusts the unknowns follows from how badly they fit: too little trust stands still,
    too much makes wrong routes fit.

    Attributes:
        trunk: the network's convolutions.
        depth: of the layer in it.
        layer: what is known of it.
        prior: on images.
        precision: weight of errors beside the prior.
        rounds: with free inputs, at most.
    """

    trunk: Trunk
    depth: int
    layer: RoutedLayer
    prior: Prior
    precision: float = 1e4
    rounds: int = 30

    def image(self, image: Tensor) -> Tensor:
        """A better image (C, H, W), by searching pixels under soft routes."""
        scale = root_mean_square(self.layer.features)
        for temperature, noise in _ROUGH:
            shares = self.layer.shares(self.trunk.entering(self.depth, image), temperature * scale, noise)
            distance = RoutedDistance(
                self.trunk,
                self.depth,
                self.layer,
                self.layer.deltas(shares),
                self.prior,
                image.shape,
                self.precision,
            )
            points, _ = LBFGS(iterations=80, history=60).minimise(distance, image.reshape(1, -1))
            image = points.reshape(image.shape)
        return image

    def inputs(self, image: Tensor) -> tuple[Tensor, float]:
        """The layer's inputs (I, ...) and the misfit that is left."""
        start = inputs = self.trunk.entering(self.depth, image)
        scale, noise, misfit = root_mean_square(self.layer.features), 1e-3, 1.0
        for number in range(self.rounds):
            temperature = max(_TEMPERATURE * self.layer.missed(inputs), _COLDEST) * scale
            shares = self.layer.shares(inputs, temperature, noise)
            begin = start if number < _FROM_IMAGE else inputs
            inputs = self._freed(begin, shares, misfit < _TRUSTED)
            misfit = self.layer.misfit(self.layer.deltas(self.layer.hard(shares)), inputs)
            noise = min(max(_NOISE * misfit, _LEAST_NOISE), _MOST_NOISE)
            if misfit < _EXACT:
                break
        return inputs, misfit

    def _freed(self, begin: Tensor, shares: Tensor, trusted: bool) -> Tensor:
        """Inputs by least squares; only with decided routes are the features exact at the winners."""
        winners = self.layer.hard(shares)
        if trusted:
            return FreeInputs(self.layer, self.layer.deltas(winners), winners, 1.0, _PULL).solved(begin, 250)
        free = FreeInputs(self.layer, self.layer.deltas(shares), winners, 0.1, _PULL)
        return free.solved(begin, 80).clamp_min(0)
