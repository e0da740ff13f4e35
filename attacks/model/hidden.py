"""Values that a defense keeps from the adversary and that enter the network at one layer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from attacks.errors import AttackError
from attacks.gradients.rows import by_row
from attacks.model.recording import changed

Enter = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""From a layer's output (R, B, ...) and values (R, ...) to its changed output, of the same shape, and what
the summed loss gains (a scalar), or None."""


@dataclass(frozen=True, eq=False)
class Hidden:
    """Assumed values of something secret, for R rows.

    Attributes:
        site: name of the layer at whose output they enter.
        values: (R, ...).
        enter: how they change the output, and what the loss gains.
    """

    site: str
    values: Tensor
    enter: Enter

    def with_values(self, values: Tensor) -> "Hidden":
        """The same secret with other assumed values."""
        return replace(self, values=values)


def entered(network: nn.Module, hidden: Sequence[Hidden], rows: int) -> AbstractContextManager[list[Tensor]]:
    """Let hidden values enter while the context lasts; yields the terms that they add to the loss.

    At one site each sees what those before it have made of the output.

    Raises:
        AttackError: values do not fit the output of their site.
    """
    return _entered(network, hidden, rows) if hidden else nullcontext([])


@contextmanager
def _entered(network: nn.Module, hidden: Sequence[Hidden], rows: int) -> Iterator[list[Tensor]]:
    terms: list[Tensor] = []
    with ExitStack() as stack:
        for one in hidden:
            stack.enter_context(changed(network, {one.site: _entry(one, rows, terms)}))
        yield terms


def _entry(one: Hidden, rows: int, terms: list[Tensor]) -> Callable[[Tensor], Tensor]:
    def enter(output: Tensor) -> Tensor:
        before = by_row(output, rows)
        if len(one.values) != rows:
            raise AttackError(f"{len(one.values)} rows of values at {one.site!r} for {rows} rows of images")
        after, term = one.enter(before, one.values)
        if after.shape != before.shape:
            shapes = f"{tuple(one.values.shape)} at an output {tuple(before.shape)}"
            raise AttackError(f"values {shapes} of {one.site!r} do not fit; start them for this model")
        terms.extend([] if term is None else [term])
        return after.flatten(0, 1)

    return enter


def total_loss(cross_entropy: Tensor, terms: Sequence[Tensor]) -> Tensor:
    """The summed loss with what hidden values add to it."""
    return torch.stack([cross_entropy, *terms]).sum() if terms else cross_entropy
