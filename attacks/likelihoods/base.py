"""The interface of all likelihoods, and of those with independent errors."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from attacks.gradients import Gradient, Target, Targets


class Likelihood(Protocol):
    """log p(observation | x), up to a constant."""

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """One value for each row, (R,), from predicted gradients and the readings of V victims."""
        ...


class Density(Likelihood, Protocol):
    """A likelihood whose errors are independent from coordinate to coordinate."""

    def pointwise(self, errors: Tensor, targets: Targets) -> Tensor:
        """Negative log density of each error (V, R / V, n), up to a constant; zero where the error is."""
        ...


@runtime_checkable
class Comparing(Likelihood, Protocol):
    """A likelihood of the differences between values, as against one of directions or signs."""

    def compared(self, gradient: Gradient, targets: Targets) -> tuple[Gradient, Targets]:
        """The predictions and the readings whose differences are its errors, after what the client did."""
        ...


@runtime_checkable
class SumOfSquares(Likelihood, Protocol):
    """A likelihood that is half a weighted sum of squared errors."""

    def squares(self, targets: Targets) -> tuple[Targets, Tensor]:
        """Targets with the weights of the squares, and the precision (V,) of each victim's sum."""
        ...


def errors_of(predicted: Tensor, target: Target) -> Tensor:
    """Differences (V, R / V, n) of predictions and readings."""
    return predicted - target.values[:, None]


def weigh(terms: Tensor, target: Target) -> Tensor:
    """Terms (V, R / V, n) times the weights of their coordinates."""
    return terms * target.weights[:, None]


def of_rows(values: Tensor, rows: int) -> Tensor:
    """Values (V,) of the victims as values of their rows: (R,), or (1,) of a single victim."""
    return values if len(values) == 1 else values.repeat_interleave(rows // len(values))
