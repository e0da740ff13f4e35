"""Checks of settings that several parts share."""

import math

from attacks.errors import AttackError


def require_positive(name: str, value: float) -> None:
    """Raise AttackError unless a setting is a positive finite number."""
    if not (value > 0 and math.isfinite(value)):
        raise AttackError(f"{name} is {value:g}; give a positive finite number")


def require_weight(value: float) -> None:
    """Raise AttackError unless a weight is finite and not negative."""
    if not (value >= 0 and math.isfinite(value)):
        raise AttackError(f"weight is {value:g}; give a finite number, not a negative one")
