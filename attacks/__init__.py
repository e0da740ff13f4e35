"""Adversaries against federated-learning updates. Needs torch and numpy only; never sees keys or truth."""

from attacks.annealing import Geometric
from attacks.ball import Ball
from attacks.base import Attack, Case, Found
from attacks.canvas import Latent, Pixels
from attacks.errors import AttackError, NotApplicableError
from attacks.evidence import Evidence, Residual, Unpruned, readable, residual, targets_of, zero_filled
from attacks.explained import unexplained
from attacks.guess import Guess
from attacks.jacobian import Certificate, Spectrum, affordable, certify, spectrum
from attacks.keyrecovery import CkksTranscript, KeyNotRecoveredError, TranscriptError, recover_key
from attacks.labelling import Inferred, Joint
from attacks.labels import restore_labels
from attacks.likelihoods import Cosine, Gaussian, Laplace, LayerWeighted, Likelihood, PruningMixture
from attacks.linear import ClosedFormLinear, layer_inputs
from attacks.matching import GradientMatching
from attacks.model import Model
from attacks.nuisances import ChannelScaleShift, DropoutMask, Nuisance, UpstreamGradient, VariationalNoise
from attacks.portfolio import Informed, Portfolio
from attacks.presets import (
    ATTRIBUTES,
    EXACT,
    MEMBERSHIP,
    OURS,
    PRESETS,
    PUBLISHED,
    TEXT,
    TRACING,
    Preset,
    TextPreset,
    preset,
)
from attacks.priors import Box, Prior, Product, SquaredVariation, TotalVariation
from attacks.searches import LBFGS, Adam, LevenbergMarquardt, Ranking, Search
from attacks.stage import Stage
from attacks.text import Dager, FoundTokens, TokenAttack

__all__ = [
    "ATTRIBUTES",
    "EXACT",
    "LBFGS",
    "MEMBERSHIP",
    "OURS",
    "PRESETS",
    "PUBLISHED",
    "TEXT",
    "TRACING",
    "Adam",
    "Attack",
    "AttackError",
    "Ball",
    "Box",
    "Case",
    "Certificate",
    "ChannelScaleShift",
    "CkksTranscript",
    "ClosedFormLinear",
    "Cosine",
    "Dager",
    "DropoutMask",
    "Evidence",
    "Found",
    "FoundTokens",
    "Gaussian",
    "Geometric",
    "GradientMatching",
    "Guess",
    "Inferred",
    "Informed",
    "Joint",
    "KeyNotRecoveredError",
    "Laplace",
    "Latent",
    "LayerWeighted",
    "LevenbergMarquardt",
    "Likelihood",
    "Model",
    "NotApplicableError",
    "Nuisance",
    "Pixels",
    "Portfolio",
    "Preset",
    "Prior",
    "Product",
    "PruningMixture",
    "Ranking",
    "Residual",
    "Search",
    "Spectrum",
    "SquaredVariation",
    "Stage",
    "TextPreset",
    "TokenAttack",
    "TotalVariation",
    "TranscriptError",
    "Unpruned",
    "UpstreamGradient",
    "VariationalNoise",
    "affordable",
    "certify",
    "layer_inputs",
    "preset",
    "readable",
    "recover_key",
    "residual",
    "restore_labels",
    "spectrum",
    "targets_of",
    "unexplained",
    "zero_filled",
]
