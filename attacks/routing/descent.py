"""Down through a trunk: exact inputs of the second block from its exact outputs, then pixels."""

from torch import Tensor

from attacks.priors import Box
from attacks.routing.alternation import Alternation
from attacks.routing.known import Known
from attacks.routing.layer import RoutedLayer
from attacks.routing.pixels import PooledDistance
from attacks.routing.trunk import Trunk
from attacks.searches import LBFGS

_BELIEVABLE = 1e-6
"""Relative squared misfit of a weight gradient above which a layer's inputs are not what entered it."""

_SOFTENINGS = (0.05, 0.015, 0.005, 0.0015, 0.0005, 0.00005)
"""Of absolute errors, one search after the other."""

_BOX = Box(weight=10.0)


def image_through(trunk: Trunk, known: Known, image: Tensor) -> Tensor:
    """An image (C, H, W) that is exact where all routes are found, from a rough one; else a better one.

    The inputs of the second block, if there is one, are solved for; pixels follow from the first block's
    pooled outputs.
    """
    features = known.features
    if len(trunk.blocks) > 1:
        block = trunk.blocks[1]
        entering = trunk.entering(1, image)
        layer = RoutedLayer.near(block, features, known.signal, known.weight_gradient(block), entering)
        alternation = Alternation(trunk, 1, layer, Box())
        image = alternation.image(image)
        features, misfit = alternation.inputs(image)
        if misfit > _BELIEVABLE:
            return image
    return _pixels(trunk, features.clamp_min(0), image)


def _pixels(trunk: Trunk, pooled: Tensor, image: Tensor) -> Tensor:
    """An image with these pooled outputs (C, h, w) of the first block, searched from a rough one."""
    points = image.reshape(1, -1)
    for softening in _SOFTENINGS:
        distance = PooledDistance(trunk.blocks[0], pooled, _BOX, image.shape, softening)
        points, _ = LBFGS(iterations=300, history=60).minimise(distance, points)
    return points.reshape(image.shape)
