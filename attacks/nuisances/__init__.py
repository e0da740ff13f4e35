"""Unknowns of a defense that are solved for together with the images."""

from attacks.nuisances.base import Nuisance
from attacks.nuisances.channels import ChannelScaleShift
from attacks.nuisances.dropout import DropoutMask
from attacks.nuisances.given import GivenSecret, KnownSecret
from attacks.nuisances.upstream import UpstreamGradient
from attacks.nuisances.variational import VariationalNoise, from_log_variance

__all__ = [
    "ChannelScaleShift",
    "DropoutMask",
    "GivenSecret",
    "KnownSecret",
    "Nuisance",
    "UpstreamGradient",
    "VariationalNoise",
    "from_log_variance",
]
