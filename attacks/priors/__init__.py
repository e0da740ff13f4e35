"""What the adversary believes about images before it reads anything."""

from attacks.priors.base import Prior, Product, Proposal
from attacks.priors.denoiser import Denoiser
from attacks.priors.denoising import BiasFreeDenoiser, DenoiserSettings, train_denoiser
from attacks.priors.gaussian import GaussianImages, GaussianPatches
from attacks.priors.group import GroupConsistency
from attacks.priors.image import Box, SquaredVariation, TotalVariation
from attacks.priors.pca import PrincipalAxes
from attacks.priors.statistics import BatchNormStatistics, Moments, running_statistics

__all__ = [
    "BatchNormStatistics",
    "BiasFreeDenoiser",
    "Box",
    "Denoiser",
    "DenoiserSettings",
    "GaussianImages",
    "GaussianPatches",
    "GroupConsistency",
    "Moments",
    "PrincipalAxes",
    "Prior",
    "Product",
    "Proposal",
    "SquaredVariation",
    "TotalVariation",
    "running_statistics",
    "train_denoiser",
]
