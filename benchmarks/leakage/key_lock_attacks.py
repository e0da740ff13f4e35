"""One cell of the Key-Lock table: an adversary, what it holds, and a client's gradient of one image."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attacks import LBFGS, Attack, AttackError, GradientMatching, Model, Stage
from attacks.locked import LockedMatching, LockedRecursion
from attacks.presets.ours import mask_aware
from attacks.presets.published import dlg, inverting_gradients
from attacks.priors import TotalVariation
from benchmarks.leakage.common import CLIENT
from benchmarks.leakage.key_lock_setting import (
    Federation,
    Locking,
    Mode,
    client_network,
    data_of,
    keyed,
    lock_of,
    observed,
    public,
    shared_moments,
    trained,
)
from gradveil.metrics import affinely_aligned, psnr, root_psnr

ROUNDS = {
    ("lenet_bn", "digits"): (10, 4000),
    ("lenet_bn", "cifar10"): (10, 2000),
    ("resnet20", "cifar10"): (3, 1000),
}
"""Rounds and images of all clients, by network and data."""

STEPS = {"matching": 200, "dlg": 200, "inverting_gradients": 200, "signed_adam": 600}
"""Iterations of every search."""


@dataclass(frozen=True)
class Cell:
    """One adversary against one kind of client."""

    network: str
    data: str
    weights: str
    mode: Mode
    locking: Locking
    attack: str
    holds: str

    @property
    def federation(self) -> Federation:
        rounds, images = ROUNDS[self.network, self.data]
        return Federation(self.network, self.data, self.locking, rounds * (self.weights == "trained"), images)


def run(cell: Cell, number: int) -> dict[str, Any]:
    """One attack on one image."""
    network, held_out = trained(cell.federation)[0], data_of(cell.federation.data)[1]
    image = int(np.random.default_rng(5).permutation(1000)[number])
    model = public(cell.federation, network, cell.mode, bare=cell.attack == "recursion")
    observation = observed(network, model, held_out, image, cell.mode)
    attack, start = _attack(cell, image), time.process_time()
    try:
        found = attack.reconstruct(
            observation, _held(cell, model), client=CLIENT, rng=torch.Generator().manual_seed(number)
        )
    except AttackError as error:
        return {"psnr": None, "reason": str(error), "cpu_seconds": time.process_time() - start}
    truth = held_out.images[[image]]
    return {
        "psnr": float(psnr(found.images, truth)[0]),
        "aligned": float(psnr(affinely_aligned(found.images, truth), truth)[0]),
        "root_psnr": float(root_psnr(found.images, truth)[0]),
        "label_right": found.labels == (int(held_out.labels[image]),),
        "objective": found.objective,
        "cpu_seconds": time.process_time() - start,
    }


def _held(cell: Cell, model: Model) -> Model:
    """The network as this adversary takes it to be; a recursion is told scales and shifts apart."""
    if cell.attack == "recursion" or cell.holds not in ("true", "wrong"):
        return model
    return keyed(trained(cell.federation)[0] if cell.holds == "true" else _wrong(cell.federation), model)


def _wrong(federation: Federation) -> torch.nn.Module:
    """The shared weights behind the lock of someone who is no client."""
    network = client_network(federation, 55)
    assert federation.defense is not None
    federation.defense.adopt(network, federation.defense.shared(trained(federation)[0]))
    return network


def _attack(cell: Cell, image: int) -> Attack:
    if cell.attack == "recursion":
        return _recursion(cell, image)
    matching = _matching(cell.attack)
    return LockedMatching(matching) if cell.holds == "free" else matching


def _recursion(cell: Cell, image: int) -> LockedRecursion:
    federation = cell.federation
    network = trained(federation)[0]
    if cell.holds == "free, moments":
        return LockedRecursion(shared_moments(network, data_of(federation.data)[1], image))
    locks: dict[str, Tensor | None] = {"free": None}
    if cell.holds in ("true", "no lock"):
        locks[cell.holds] = lock_of(network)
    elif cell.holds == "wrong":
        locks[cell.holds] = lock_of(_wrong(federation))
    return LockedRecursion(lock=locks[cell.holds])


def _matching(name: str) -> GradientMatching:
    steps = STEPS[name]
    if name == "dlg":
        return replace(dlg(steps), restarts=1)
    if name == "inverting_gradients":
        return inverting_gradients(steps)
    if name == "signed_adam":  # as in the ResNet-20 table, where the variation's weight was chosen
        return replace(inverting_gradients(steps), prior=TotalVariation(3e-3))
    return replace(mask_aware(), stages=(Stage(LBFGS(steps, history=100)),), restarts=1)
