"""Clients behind a variational bottleneck, and what a server reads of them."""

import torch
from torch import nn

from attacks import Model
from gradveil.defenses.model import Precode
from gradveil.exchange import Update
from tests.attacks.cases import seen

SHAPE, CLASSES, SIZE = (1, 6, 6), 4, 12
DEFENSE = Precode(SIZE, divergence=0.01)


def model(activation=nn.Sigmoid, channels=3):
    """A convolution, whose outputs determine the image if nothing rectifies them, then the bottleneck."""
    return _public(
        nn.Conv2d(1, channels, 3, padding=1), activation(), nn.Flatten(), nn.Linear(36 * channels, CLASSES)
    )


def dense(defense=DEFENSE):
    """The same behind linear layers, of which the first sees the pixels; `3` is not the last."""
    layers = (
        nn.Flatten(),
        nn.Linear(36, 40),
        nn.Sigmoid(),
        nn.Linear(40, 8),
        nn.ReLU(),
        nn.Linear(8, CLASSES),
    )
    return _public(*layers, defense=defense)


def _public(*layers, defense=DEFENSE):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for layer in layers:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
    return Model(defense.public(nn.Sequential(*layers)), SHAPE, CLASSES)


def update_of(public, images, labels, seed=5, defense=DEFENSE):
    found = defense.client(public.network, CLASSES, seed).gradient(images, torch.tensor(labels))
    mean = torch.cat([found[name].flatten() for name in public.layout.names])
    return Update(public.layout, mean.numpy(), len(images))


def observed(public, images, labels, hidden=(), defense=DEFENSE, **granted):
    return seen(public, update_of(public, images, labels, defense=defense), hidden, **granted)
