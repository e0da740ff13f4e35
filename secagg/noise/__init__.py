"""Differential privacy for the sum, from noise that clients share; optional."""

from secagg.noise.accounting import MissingAccountantError, PrivacyClaim, UnprovableClaimError
from secagg.noise.keystream import Keystream
from secagg.noise.mechanism import DiscreteGaussianNoise, DistributedNoise, SkellamNoise

__all__ = [
    "DiscreteGaussianNoise",
    "DistributedNoise",
    "Keystream",
    "MissingAccountantError",
    "PrivacyClaim",
    "SkellamNoise",
    "UnprovableClaimError",
]
