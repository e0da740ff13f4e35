"""Defenses as values: each acts at one of four points, and carries its claim and what is public about it."""

from gradveil.defenses.aggregation import SecureAggregation
from gradveil.defenses.base import Defense, Seconds, Sent, Session
from gradveil.defenses.batch import ATS, InstaHide, JudgedPolicy, Judges, MixUp, search_policies
from gradveil.defenses.composition import Chain, Stages, chain, identity, parts_of
from gradveil.defenses.hybrid import Hybrid
from gradveil.defenses.mechanism import DefenseError, Knob, Mechanism, Point
from gradveil.defenses.plain import Gaussian, Identity
from gradveil.defenses.points import BatchDefense, Client, ModelDefense, UpdateDefense, Work
from gradveil.defenses.selective import SelectiveEncryption
from gradveil.defenses.update import (
    AdaDefense,
    Censor,
    ClippedNoise,
    CompactUpdate,
    ConcealedSamples,
    Outpost,
    PrivateGradient,
    RandomPruning,
    Sign,
    Soteria,
    TopK,
    Uniform,
)

__all__ = [
    "ATS",
    "AdaDefense",
    "BatchDefense",
    "Censor",
    "Chain",
    "Client",
    "ClippedNoise",
    "CompactUpdate",
    "ConcealedSamples",
    "Defense",
    "DefenseError",
    "Gaussian",
    "Hybrid",
    "Identity",
    "InstaHide",
    "JudgedPolicy",
    "Judges",
    "Knob",
    "Mechanism",
    "MixUp",
    "ModelDefense",
    "Outpost",
    "Point",
    "PrivateGradient",
    "RandomPruning",
    "Seconds",
    "SecureAggregation",
    "SelectiveEncryption",
    "Sent",
    "Session",
    "Sign",
    "Soteria",
    "Stages",
    "TopK",
    "Uniform",
    "UpdateDefense",
    "Work",
    "chain",
    "identity",
    "parts_of",
    "search_policies",
]
