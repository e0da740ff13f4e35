"""What several searches for the same images should agree on."""

from dataclasses import dataclass

from torch import Tensor

from attacks.checks import require_weight
from attacks.gradients.rows import by_row
from attacks.priors.base import Proposal


@dataclass(frozen=True)
class GroupConsistency:
    """The rows of one victim, started from different seeds, should agree on one picture of each example.

    The consensus is the mean over the rows, held fixed while gradients are taken. Summed over a victim's
    rows that changes nothing, since the deviations from a mean add up to zero, and it keeps each row's
    gradient its own. There is no registration of shifted images. All rows of a victim must hold the same
    labels in the same order, and no label twice, or different examples are averaged.

    As the consensus moves, a row's values from different steps do not compare: run it in a stage of its own,
    and rank rows without it.

    Source: Yin et al. 2021 (GradInversion), with the pixel-wise mean as the consensus.
    """

    weight: float

    def __post_init__(self) -> None:
        require_weight(self.weight)

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted squared distance to the consensus, (R,)."""
        group = by_row(proposal.images, proposal.victims)
        consensus = group.detach().mean(1, keepdim=True)
        return self.weight * (group - consensus).square().flatten(2).sum(2).flatten()
