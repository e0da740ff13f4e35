"""Defenses that change what is fed in."""

from gradveil.defenses.batch.ats import ATS
from gradveil.defenses.batch.instahide import InstaHide
from gradveil.defenses.batch.mixup import MixUp
from gradveil.defenses.batch.policy_search import JudgedPolicy, Judges, search_policies

__all__ = ["ATS", "InstaHide", "JudgedPolicy", "Judges", "MixUp", "search_policies"]
