"""What a client that prunes its update leaves to read."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.errors import AttackError, NotApplicableError
from attacks.evidence.evidence import Evidence, readable
from attacks.model import Model
from gradveil.exchange import Observation


@dataclass(frozen=True, eq=False)
class Unpruned:
    """The view of an adversary who knows which coordinates were pruned, by a mask that ignores the data.

    A pruned coordinate reads zero plus noise, whatever the images: its density is a constant factor of
    p(g|x), so that leaving it out is exact. (A mask chosen by magnitude would itself tell something.)

    Attributes:
        kept: bool (P,), true where the client kept its gradient.
        view: how the wire is read.

    Source: Balunovic et al. 2022 (ICLR), section 5, pruning with Gaussian or Laplacian noise.
    """

    kept: NDArray[np.bool_]
    view: Callable[[Observation, str, Model], Evidence] = readable

    def __call__(self, observation: Observation, client: str, model: Model) -> Evidence:
        """The view's evidence at the coordinates kept.

        Raises:
            AttackError: the mask has another length than the model.
            NotApplicableError: nothing that was kept is readable.
        """
        if self.kept.shape != (model.layout.size,):
            raise AttackError(
                f"the pruning mask is {self.kept.shape}; the model needs ({model.layout.size},)"
            )
        seen = self.view(observation, client, model)
        mask = seen.mask & torch.from_numpy(self.kept).to(seen.mask.device)
        if not bool(mask.any()):
            raise NotApplicableError("every readable coordinate was pruned; nothing to attack")
        return replace(seen, values=seen.values * mask, mask=mask)
