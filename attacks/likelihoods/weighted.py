"""Another say for every parameter than the errors alone would give it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from attacks.errors import AttackError, NotApplicableError
from attacks.gradients import Gradient, Targets
from attacks.likelihoods.base import Likelihood, SumOfSquares


@dataclass(frozen=True, eq=False)
class LayerWeighted:
    """A likelihood tempered parameter by parameter: the log-density of each counts with its own factor.

    Attributes:
        likelihood: what is tempered.
        factors: for each parameter by name; those that are not named count zero. None: inversely to the
            energy of the parameter's readings, so that all parameters weigh alike and the total stays.

    Raises:
        AttackError: a factor is negative, or its parameter is not one of the model's.
    """

    likelihood: Likelihood
    factors: Mapping[str, float] | None = None
    _reweighted: WeakKeyDictionary[Targets, Targets] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    def __post_init__(self) -> None:
        wrong = [name for name, factor in (self.factors or {}).items() if not factor >= 0]
        if wrong:
            raise AttackError(f"the factor of {wrong[0]} is negative; give zero to leave a parameter out")

    def negative_log(self, gradient: Gradient, targets: Targets) -> Tensor:
        """The likelihood's value with these weights, (R,)."""
        return self.likelihood.negative_log(gradient, self.reweighted(targets))

    def squares(self, targets: Targets) -> tuple[Targets, Tensor]:
        """Those of the likelihood, if it is a sum of squares, with these weights."""
        if not isinstance(self.likelihood, SumOfSquares):
            raise NotApplicableError("the weighted likelihood is no sum of squares; search it with LBFGS")
        return self.likelihood.squares(self.reweighted(targets))

    def reweighted(self, targets: Targets) -> Targets:
        """The targets with this likelihood's weights; made once for all steps of a search."""
        if targets not in self._reweighted:
            factors = _by_energy(targets) if self.factors is None else _by_name(self.factors, targets)
            self._reweighted[targets] = targets.reweighted(factors)
        return self._reweighted[targets]


def _by_energy(targets: Targets) -> dict[str, Tensor]:
    """Factors (V,) that give each parameter of a victim the mean energy; zero for those with none."""
    energy = torch.stack([target.energy for target in targets.blocks.values()])
    mean = energy.sum(0) / (energy > 0).sum(0).clamp_min(1)
    factors = torch.where(energy > 0, mean / energy, 0.0)
    return dict(zip(targets.blocks, factors, strict=True))


def _by_name(factors: Mapping[str, float], targets: Targets) -> dict[str, Tensor]:
    unknown = [name for name in factors if name not in targets.blocks]
    if unknown:
        raise AttackError(f"no parameter {unknown[0]}; name some of {', '.join(targets.blocks)}")
    return {
        name: torch.full_like(target.energy, factors.get(name, 0.0))
        for name, target in targets.blocks.items()
    }
