"""Rows: one start of one victim each, side by side in one batch."""

from torch import Tensor


def by_row(values: Tensor, rows: int) -> Tensor:
    """Values (R * B, ...) as (R, B, ...)."""
    return values.reshape(rows, len(values) // rows, *values.shape[1:])
