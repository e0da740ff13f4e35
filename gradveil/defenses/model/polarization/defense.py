"""Secret polarization as a value: its knobs, its claim, and clients that train with it."""

import copy
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from gradveil.defenses.base import DefenseError
from gradveil.defenses.model.polarization.branch import PrivateBranch
from gradveil.defenses.model.polarization.client import PolarizedClient
from gradveil.defenses.model.polarization.codes import ClassCodes
from gradveil.defenses.points import ModelDefense


@dataclass(frozen=True)
class SecretPolarization(ModelDefense):
    """A private head in parallel with the public one; L = a1 CE + a2 sum_k [m - v_k t_yk]_+.

    Attributes:
        private_weight: a2, of the polarization loss; 0 is no defense.
        public_weight: a1, of the cross-entropy.
        bits: of a class's code.
        margin: m.
        rate: learning rate of the private head, whose optimiser never leaves the client either.

    Raises:
        DefenseError: a knob out of range.

    Source: Fan et al. 2020 (arXiv 2006.11601); form of the loss after facts/seeds.md, section 2.4, as the
        paper's body was not at hand.
    """

    name: ClassVar[str] = "secret_polarization"
    claim: ClassVar[str] = (
        "an inversion that takes the gradient to be the cross-entropy's alone fails; nothing is proven about "
        "one that solves for the private term, and attacks.forked does"
    )
    withheld: ClassVar[tuple[str, ...]] = ("private head", "class codes", "optimiser of the private head")

    private_weight: float
    public_weight: float = 1.0
    bits: int = 64
    margin: float = 1.0
    rate: float = 0.01

    def __post_init__(self) -> None:
        positive = (self.public_weight, self.margin, self.rate)
        weights = (self.private_weight, *positive)
        if not all(map(math.isfinite, weights)) or self.private_weight < 0 or min(positive) <= 0:
            raise DefenseError(
                "the private weight must be at least 0, other knobs positive, all of them finite"
            )
        if self.bits < 1:
            raise DefenseError(f"codes of {self.bits} bits say nothing; give at least 1")

    @property
    def knobs(self) -> Mapping[str, float]:
        """What is public about it."""
        return {
            "private_weight": self.private_weight,
            "public_weight": self.public_weight,
            "bits": self.bits,
            "margin": self.margin,
        }

    def public(self, network: nn.Module) -> nn.Module:
        """A copy of the network itself, whose last linear layer is the public head.

        Raises:
            DefenseError: the network has no linear layer.
        """
        PolarizedClient.head_of(network)
        return copy.deepcopy(network)

    def client(
        self, network: nn.Module, classes: int, seed: int | None = None, codes: ClassCodes | None = None
    ) -> PolarizedClient:
        """A client with a private branch of its own; the network is trained in place and holds none of it.

        Args:
            network: ends in a linear layer, the public head.
            classes: number of classes.
            seed: of codes and the head's first weights, for experiments; unless given, nobody can know it.
            codes: of an experiment.

        Raises:
            DefenseError: the network has no linear layer, or codes of another number of bits.
        """
        codes = codes or ClassCodes.generate(classes, self.bits, seed)
        if codes.bits != self.bits:
            raise DefenseError(f"codes of {codes.bits} bits, the defense has {self.bits}; draw others")
        rng = torch.Generator().manual_seed(secrets.randbits(63) if seed is None else seed)
        features = PolarizedClient.head_of(network).in_features
        branch = PrivateBranch(features, codes, self.margin, self.rate, rng)
        return PolarizedClient(network, branch, self.public_weight, self.private_weight)
