"""Errors of the adversaries."""

from gradveil.exchange import GradveilError


class AttackError(GradveilError):
    """An attack was given something it cannot work with, or produced no usable reconstruction."""


class NotApplicableError(AttackError):
    """The observation lacks what this attack needs; another attack of the portfolio may apply."""
