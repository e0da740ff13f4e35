"""Adversaries against federated-learning updates. Needs torch and numpy only; never sees keys or truth."""

from attacks.base import Attack, Found
from attacks.errors import AttackError, NotApplicableError
from attacks.evidence import Evidence, readable, zero_filled
from attacks.guess import Guess
from attacks.keyrecovery import CkksTranscript, KeyNotRecoveredError, TranscriptError, recover_key
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
    "CkksTranscript",
    "ClosedFormLinear",
    "Evidence",
    "Found",
    "Gaussian",
    "GradientMatching",
    "Guess",
    "KeyNotRecoveredError",
    "Likelihood",
    "Model",
    "NotApplicableError",
    "Prior",
    "Product",
    "Search",
    "TotalVariation",
    "TranscriptError",
    "layer_inputs",
    "preset",
    "readable",
    "recover_key",
    "restore_labels",
    "zero_filled",
]
