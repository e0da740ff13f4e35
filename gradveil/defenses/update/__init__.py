"""Defenses that change a client's mean gradient before it is sent."""

from gradveil.defenses.update.ada_defense import AdaDefense
from gradveil.defenses.update.censor import Censor
from gradveil.defenses.update.compact import CompactUpdate
from gradveil.defenses.update.concealed import ConcealedSamples
from gradveil.defenses.update.dp_sgd import PrivateGradient
from gradveil.defenses.update.noise import ClippedNoise
from gradveil.defenses.update.outpost import Outpost
from gradveil.defenses.update.pruning import RandomPruning, TopK
from gradveil.defenses.update.quantisation import Quantisation, Sign, Uniform
from gradveil.defenses.update.soteria import Soteria

__all__ = [
    "AdaDefense",
    "Censor",
    "ClippedNoise",
    "CompactUpdate",
    "ConcealedSamples",
    "Outpost",
    "PrivateGradient",
    "Quantisation",
    "RandomPruning",
    "Sign",
    "Soteria",
    "TopK",
    "Uniform",
]
