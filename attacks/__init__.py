"""Adversaries against federated-learning updates. Needs torch and numpy only; never sees keys or truth."""

from attacks.base import Attack, Found
from attacks.errors import AttackError, NotApplicableError
from attacks.evidence import Evidence, readable, zero_filled
from attacks.guess import Guess
from attacks.labels import restore_labels
from attacks.lbfgs import LBFGS, Search
from attacks.likelihood import Gaussian, Likelihood
from attacks.linear import ClosedFormLinear, layer_inputs
from attacks.matching import GradientMatching
from attacks.model import Model
from attacks.presets import PRESETS, preset
from attacks.prior import Box, Prior, Product, TotalVariation

__all__ = [
    "LBFGS",
    "PRESETS",
    "Attack",
    "AttackError",
    "Box",
    "ClosedFormLinear",
    "Evidence",
    "Found",
    "Gaussian",
    "GradientMatching",
    "Guess",
    "Likelihood",
    "Model",
    "NotApplicableError",
    "Prior",
    "Product",
    "Search",
    "TotalVariation",
    "layer_inputs",
    "preset",
    "readable",
    "restore_labels",
    "zero_filled",
]
