"""What a client that prunes its update and puts noise on some columns leaves to read."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from attacks.errors import NotApplicableError
from attacks.evidence.evidence import Evidence, readable
from attacks.model import Model
from gradveil.exchange import Observation


@dataclass(frozen=True)
class Unperturbed:
    """The view of an adversary who knows that noise falls on whole columns, after pruning.

    A column, along a tensor's first axis, in which something is exactly zero has no noise; what else it
    holds are exact gradients. Other columns are left out, and so is what was pruned, of which only a bound is
    known. If nothing at all is zero, the update was sent as it is. Right for one client, whose update is not
    summed with others.

    Attributes:
        view: how the wire is read.

    Source: ours; the mechanism is that of Wang et al. 2023 (INFOCOM), Outpost.
    """

    view: Callable[[Observation, str, Model], Evidence] = readable

    def __call__(self, observation: Observation, client: str, model: Model) -> Evidence:
        """The view's evidence where neither pruning nor noise has changed it.

        Raises:
            NotApplicableError: there is noise on every column.
        """
        seen = self.view(observation, client, model)
        if not bool(((seen.values == 0) & seen.mask).any()):
            return seen
        mask = seen.mask.clone()
        for name, part in model.layout.slices.items():
            mask[part] &= _exact(seen.values[part].reshape(model.parameters[name].shape)).flatten()
        if not bool(mask.any()):
            raise NotApplicableError("there is noise on every column that is read; use another attack")
        return replace(seen, values=seen.values * mask, mask=mask)


def _exact(gradient: Tensor) -> Tensor:
    """Which elements are not zero, in columns where some are."""
    return (gradient != 0) & (gradient == 0).any(0, keepdim=True)
