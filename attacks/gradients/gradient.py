"""The predicted gradient of R rows over all parameters."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.gradients.blocks import Block, Dense, by_victim
from attacks.gradients.targets import Target, Targets

_SMALL = 1 << 16
"""Elements of a parameter up to which copying it costs less than operations of its own."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """Gradients of the summed loss for R rows, one block for each parameter, in the layout's order."""

    blocks: Mapping[str, Block]

    def dense(self) -> Tensor:
        """All elements of all rows, (R, layout.size)."""
        return torch.cat([block.dense() for block in self.blocks.values()], dim=1)

    def inner(self, targets: Targets) -> Tensor:
        """Weighted inner product with the readings, (R,)."""
        return _total(block.inner(target) for block, target in self._seen(targets))

    def square_norm(self, targets: Targets) -> Tensor:
        """Weighted squared norm of what would be readable, (R,)."""
        return _total(block.square_norm(target) for block, target in self._seen(targets))

    def square_error(self, targets: Targets) -> Tensor:
        """Weighted squared distance to the readings, (R,)."""
        return _total(block.square_error(target) for block, target in self._seen(targets))

    def elementwise(self, term: Callable[[Tensor, Target], Tensor], targets: Targets) -> Tensor:
        """Sum of a term over all elements, (R,).

        Args:
            term: from predictions (V, R / V, n) of one parameter and its target to terms of that shape,
                which must be zero where the target's weight is.
            targets: what the rows are compared with.
        """
        return _total(
            term(by_victim(block.dense(), target), target).sum(-1).flatten()
            for block, target in self._seen(targets)
        )

    def _seen(self, targets: Targets) -> Iterator[tuple[Block, Target]]:
        """Blocks that somebody read something of; small ones joined, as each operation has its price."""
        seen = {name: block for name, block in self.blocks.items() if not targets.blocks[name].hidden}
        small = {
            name: block.values
            for name, block in seen.items()
            if isinstance(block, Dense) and block.values.shape[1] <= _SMALL
        }
        if small:
            yield Dense(torch.cat(list(small.values()), dim=1)), targets.joined(tuple(small))
        for name, block in seen.items():
            if name not in small:
                yield block, targets.blocks[name]


def _total(terms: Iterator[Tensor]) -> Tensor:
    """Their sum; each operation on a single row's scalars costs as much as one on its images."""
    first, *others = terms
    return sum(others, first)
