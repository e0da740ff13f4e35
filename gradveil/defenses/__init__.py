"""Defenses as values: each opens rounds, and carries its claim and what is public about it."""

from gradveil.defenses.aggregation import SecureAggregation
from gradveil.defenses.base import Defense, DefenseError, Seconds, Sent, Session
from gradveil.defenses.hybrid import Hybrid
from gradveil.defenses.plain import Gaussian, Identity
from gradveil.defenses.selective import SelectiveEncryption

__all__ = [
    "Defense",
    "DefenseError",
    "Gaussian",
    "Hybrid",
    "Identity",
    "Seconds",
    "SecureAggregation",
    "SelectiveEncryption",
    "Sent",
    "Session",
]
