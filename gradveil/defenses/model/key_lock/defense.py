"""Key-Lock as a value: what it makes of a network, what of it travels, and what a client restores."""

import copy
import math
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.model.key_lock.client import LockedClient
from gradveil.defenses.model.key_lock.key import Key
from gradveil.defenses.model.key_lock.lock import LOCK, NORM, Activation, Lock, LockSite
from gradveil.defenses.points import ModelDefense


@dataclass(frozen=True)
class KeyLock(ModelDefense):
    """Every client's own scales and shifts in place of shared ones behind batch normalisations.

    Attributes:
        where: `first` locks the first batch normalisation, `all` each one, keyed by the lock before.
        activation: of scales and shifts.
        key_size: elements of a key.
        buffers: whether a locked normalisation's running statistics travel, as they do in the published code,
            or stay with the client.
        rate: learning rate of the locks, whose optimiser never leaves the client either.

    Raises:
        DefenseError: a knob out of range.

    Source: Ren et al. 2023 (FedKL, arXiv 2305.04095), key-lock module and client of its code.
    """

    name: ClassVar[str] = "key_lock"
    claim: ClassVar[str] = (
        "without the private scales and shifts a gradient is said not to give its image away; no reduction "
        "supports this, and attacks.locked solves for them together with the image"
    )

    where: Literal["first", "all"] = "first"
    activation: Activation = "relu"
    key_size: int = 1024
    buffers: Literal["shared", "private"] = "shared"
    rate: float = 0.01

    def __post_init__(self) -> None:
        if self.key_size < 1 or not (math.isfinite(self.rate) and self.rate > 0):
            raise DefenseError("a key needs at least one element, and locks a positive, finite learning rate")

    def new_key(self) -> Key:
        """A fresh key of a client."""
        return Key.generate(self.key_size)

    def locked(self, network: nn.Module, key: Key, seed: int | None = None) -> nn.Module:
        """A copy that a client trains: its normalisations have no scale and shift but those of its locks.

        Args:
            network: with batch normalisations of images, or with places for locks, as `public` gives it.
            key: the client's.
            seed: of the locks' initial weights, for experiments; unless given, nobody can know it.

        Raises:
            DefenseError: no batch normalisation, or a key of another size.
        """
        if len(key) != self.key_size:
            raise DefenseError(f"a key of {len(key)} elements for locks of {self.key_size}; use new_key()")
        network = self._with_sites(network)
        source: Tensor | Lock = key.reveal()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(secrets.randbits(63) if seed is None else seed)
            for _, site in _sites(network):
                source = Lock(site.norm.num_features, source, self.activation)
                site.set_submodule(LOCK, source.to(_device(network)))
        return network

    def public(self, network: nn.Module) -> nn.Module:
        """A copy of a network, locked or not, as all others know it: sites of locks, but no locks.

        Private running statistics are those of a fresh network there.

        Raises:
            DefenseError: no batch normalisation.
        """
        network = self._with_sites(network)
        for _, site in _sites(network):
            site.set_submodule(LOCK, nn.Identity())
            if self.buffers == "private":
                site.norm.reset_running_stats()
        return network

    def client(self, network: nn.Module, classes: int, seed: int | None = None) -> LockedClient:
        """A client with a key and locks of its own, which trains a locked copy."""
        key = Key.generate(self.key_size, seed)
        return LockedClient(self.locked(network, key, seed), self.withheld, self.adopt, self.rate)

    def withheld(self, network: nn.Module) -> tuple[str, ...]:
        """Names in a locked network's state that never travel; its key is not even in the state."""
        parts = (LOCK,) if self.buffers == "shared" else (LOCK, NORM)
        private = tuple(f"{name}.{part}." for name, _ in _sites(network) for part in parts)
        return tuple(name for name in network.state_dict() if name.startswith(private))

    def shared(self, network: nn.Module) -> dict[str, Tensor]:
        """What a client sends of its locked network: the state but what is withheld, copied."""
        withheld = set(self.withheld(network))
        return {name: one.clone() for name, one in network.state_dict().items() if name not in withheld}

    def adopt(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        """Take over what the server sends, in place; the client's own locks stay as they are.

        Raises:
            DefenseError: the state is not exactly what clients share.
        """
        if set(state) != set(network.state_dict()) - set(self.withheld(network)):
            raise DefenseError("the server's state names other tensors than clients share; use shared()")
        network.load_state_dict(dict(state), strict=False)

    def _with_sites(self, network: nn.Module) -> nn.Module:
        """A copy with places for locks, unless it has them."""
        network = copy.deepcopy(network)
        if _sites(network):
            return network
        found = [(n, one) for n, one in network.named_modules() if isinstance(one, nn.BatchNorm2d)]
        if not found:
            raise DefenseError("the network has no batch normalisation to lock; use lenet_bn or a resnet")
        for name, norm in found[:1] if self.where == "first" else found:
            network.set_submodule(name, LockSite(norm))
        return network


def _sites(network: nn.Module) -> list[tuple[str, LockSite]]:
    return [(name, one) for name, one in network.named_modules() if isinstance(one, LockSite)]


def locks_of(network: nn.Module) -> tuple[str, ...]:
    """Names of a network's locks, in order."""
    return tuple(name for name, one in network.named_modules() if isinstance(one, Lock))


def lock_values(network: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Scales and shifts of each lock, detached: what an adversary with the key would compute."""
    for name in locks_of(network):
        lock = network.get_submodule(name)
        assert isinstance(lock, Lock)  # noqa: S101  the names are those of locks
        scales, shifts = lock.scales_and_shifts()
        yield scales.detach(), shifts.detach()


def _device(module: nn.Module) -> torch.device:
    return next(module.buffers()).device
