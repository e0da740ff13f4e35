"""Noise that a defense adds, as far as everybody knows it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class GaussianNoise:
    """Independent zero-mean normal noise of this standard deviation on every coordinate."""

    std: float

    def of_sum(self, terms: int, factor: float) -> "GaussianNoise":
        """The noise of a sum over so many clients, each of whose noise was multiplied by the factor."""
        return GaussianNoise(self.std * factor * math.sqrt(terms))

    def __str__(self) -> str:
        return f"gaussian, std {self.std:g}"


@dataclass(frozen=True)
class LaplaceNoise:
    """Independent zero-mean Laplace noise on every coordinate, or a sum of such noise.

    Attributes:
        scale: mean absolute value of one term.
        terms: how many independent terms add up; their sum has no Laplace density if there are several.
    """

    scale: float
    terms: int = 1

    @property
    def std(self) -> float:
        """Standard deviation of the sum of the terms."""
        return self.scale * math.sqrt(2 * self.terms)

    def of_sum(self, terms: int, factor: float) -> "LaplaceNoise":
        """The noise of a sum over so many clients, each of whose noise was multiplied by the factor."""
        return LaplaceNoise(self.scale * factor, self.terms * terms)

    def __str__(self) -> str:
        several = f", {self.terms} terms" if self.terms > 1 else ""
        return f"laplace, scale {self.scale:g}{several}"


Noise = GaussianNoise | LaplaceNoise
