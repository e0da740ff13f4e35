"""Predicted gradients of many rows at once, compared with what was read without being written out."""

from attacks.gradients.blocks import Block, Dense, OuterSum
from attacks.gradients.gradient import Gradient
from attacks.gradients.targets import Target, Targets

__all__ = ["Block", "Dense", "Gradient", "OuterSum", "Target", "Targets"]
