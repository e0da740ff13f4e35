"""Small max-pooled ReLU networks, images that are no noise, and what a server holds of them."""

import numpy as np
import torch
from torch import nn

from attacks import Model, restore_labels
from attacks.evidence import completed, readable
from attacks.routing import known_of, trunk_of
from tests.attacks.cases import CLIENT, generator, seen, update_of

SHAPE = (1, 12, 12)


def pooled(seed=0, shape=SHAPE, widths=(8, 16), classes=6):
    """Convolutions with ReLU and 2x2 max-pooling, then two linear layers; weights of a fresh network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers, channels = [], shape[0]
        for width in widths:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        side = shape[-1] // 2 ** len(widths)
        head = (nn.Flatten(), nn.Linear(channels * side**2, 48), nn.ReLU(), nn.Linear(48, classes))
        return Model(nn.Sequential(*layers, *head), shape, classes)


def picture(shape=SHAPE, seed=0):
    """A smooth image (1, *shape) in [0, 1]."""
    coarse = torch.rand(1, shape[0], 4, 4, generator=generator(seed + 77))
    return nn.functional.interpolate(coarse, shape[1:], mode="bilinear", align_corners=True)


def observed(model, image, label=2, ratio=0.0):
    """The update of one image without its largest coordinates."""
    update = update_of(model, image, [label])
    hidden = np.argsort(-np.abs(update.vector), kind="stable")[: round(ratio * update.vector.size)]
    return seen(model, update, np.sort(hidden))


def known_and_trunk(model, observation):
    """What the attack itself would know, in float64."""
    wide = model.double()
    trunk = trunk_of(wide)
    labels = restore_labels(readable(observation, CLIENT, model), model)
    return known_of(completed(observation, CLIENT, wide), wide, trunk, labels), trunk
