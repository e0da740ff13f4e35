"""Defenses that change what is fed in."""

from gradveil.defenses.batch.ats import ATS
from gradveil.defenses.batch.mixup import MixUp
from gradveil.defenses.batch.policy_search import JudgedPolicy, Judges, search_policies

__all__ = ["ATS", "JudgedPolicy", "Judges", "MixUp", "search_policies"]
