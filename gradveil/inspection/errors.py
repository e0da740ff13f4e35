"""Errors of an inspection."""

from gradveil.exchange import GradveilError

_MAX_REASON = 300


class InspectionError(GradveilError):
    """A file, a model or an option that an inspection cannot work with."""


def reason_of(error: Exception) -> str:
    """Type and message of somebody else's error, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_REASON]
