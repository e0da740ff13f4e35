"""Clients with locked networks, and what a server reads of them."""

import numpy as np
import torch
from torch import nn

from attacks import Model
from attacks.locked import LockedRecursion
from attacks.priors import Moments
from gradveil.defenses.model.key_lock import Key, KeyLock
from gradveil.exchange import Update
from gradveil.metrics import psnr
from gradveil.models import build
from tests.attacks.cases import CLIENT, generator, seen

SHAPE, CLASSES = (1, 12, 12), 4


def key(seed=0):
    return Key(np.random.default_rng(seed).random(1024, dtype=np.float32))


def locked(activation="sigmoid", where="first", name="lenet_bn", seed=0, shape=SHAPE):
    return KeyLock(where, activation).locked(build(name, shape, CLASSES, seed), key(seed), seed)


def public(network, batch_norm="running"):
    """What the adversary holds: neither key nor lock."""
    first = next(network.parameters())
    return Model(KeyLock().public(network), (first.shape[1], *SHAPE[1:]), CLASSES, batch_norm)


def keyed(network, batch_norm="running"):
    """What an adversary would hold who knew key and lock."""
    model = public(network, batch_norm)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in model.parameters)
    return Model(network, model.input_shape, CLASSES, batch_norm)


def update_of(network, model, image, label, train=False):
    """A client's gradient of all that it shares, for one image (1, C, H, W)."""
    network.train(train)
    parameters = dict(network.named_parameters())
    loss = nn.functional.cross_entropy(network(image), torch.tensor([label]))
    found = torch.autograd.grad(loss, [parameters[name] for name in model.layout.names])
    return Update(model.layout, torch.cat([one.flatten() for one in found]).numpy(), 1)


def observed(network, model, image, label=2, train=False, hidden=(), **granted):
    return seen(model, update_of(network, model, image, label, train), hidden, **granted)


def moments(network, image):
    """Of the locked convolution's outputs."""
    outputs = next(network.children())(image).double().detach()
    return Moments(outputs.mean((0, 2, 3)), outputs.var((0, 2, 3), correction=0))


def attack(observation, model, known=None):
    return LockedRecursion(known).reconstruct(observation, model, client=CLIENT, rng=generator())


def decibels(found, image):
    return float(psnr(found.images, image.numpy())[0])
