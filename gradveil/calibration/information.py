"""The strategy that looks at what the adversary's posterior needs."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gradveil.calibration.directional import Directional
from gradveil.calibration.examples import Examples
from gradveil.calibration.groups import coordinates, layers_of, partitions
from gradveil.exchange import Layout
from gradveil.selection import Ranking

EXAMPLES = 1
"""Which entries repeat each other is a matter of structure, and each example costs as much as the first."""

DIRECTIONS = 1024
"""Random directions of the image along which information is measured; their number bounds its rank."""

_SKETCH = 1 << 26
"""Numbers of one sketch; of larger networks fewer directions are taken."""

_RESOLUTION = 1e-6
"""Noise of a reading over the root mean square of the gradient; float32 sums have some 3e-7."""


def information(examples: Examples) -> Ranking:
    """Leaves readable what tells the adversary least an entry, together with all that repeats it.

    What readable rows A of the noise-scaled Jacobian tell about an image with a normal prior is
    log det(I + A^T A) / 2. One entry alone tells nothing that its neighbours do not, so removing entries one
    by one finds nothing to remove. The order is therefore made from the other end: of all that is hidden,
    the adversary is given first what no change of the image moves, such as weights of closed units; then that
    layer which adds least information an entry, given what it has; then the next. Inside a layer output or
    input channels follow each other in the same way, then their elements. What would be given last is
    protected first. This is the greedy form of the principal partition of a submodular function, whose chain
    of sets minimises information less a price an entry for every price.

    Information is measured along random directions of the image: exactly, if there are as many as pixels.

    Source: log-det of the posterior as in Bayesian experimental design (Chaloner, Verdinelli 1995); principal
    partition, Fujishige 2005, Submodular Functions and Optimization, section 7.2.
    """
    few = examples.first(EXAMPLES)
    sketches = [_sketch(few, *one) for one in few.each()]
    given = list(_given(few.model.layout, sketches))
    order = torch.cat(given).flip(0)
    return Ranking.of_order(few.model.layout, order.cpu().numpy(), "information", few.sources)


def _sketch(examples: Examples, image: Tensor, label: Tensor) -> Tensor:
    """Derivatives (P, k), float64, of the gradient over its noise along random orthonormal directions."""
    at = Directional(examples.model.double(), image, label)
    pixels, size = image.numel(), examples.model.layout.size
    count = max(1, min(pixels, DIRECTIONS, _SKETCH // size))
    directions = torch.eye(pixels, dtype=torch.float64)
    if count < pixels:
        normal = torch.randn(pixels, count, generator=examples.torch_rng(), dtype=torch.float64)
        directions = torch.linalg.qr(normal).Q.T
    noise = _RESOLUTION * float(at.gradient.square().mean().sqrt())
    return at.sketch(directions) / max(noise, 1e-300)


def _given(layout: Layout, sketches: list[Tensor]) -> Iterator[Tensor]:
    """All coordinates in the order in which the adversary is given them: dead ones, then layer by layer."""
    layers = {name: _Layer(layout, tensors, sketches) for name, tensors in layers_of(layout).items()}
    yield torch.cat([layer.dead for layer in layers.values()])
    left = {name: layer for name, layer in layers.items() if layer.alive}
    known = [torch.eye(one.shape[1], dtype=one.dtype) for one in sketches]
    while left:
        cheapest = min(left, key=lambda name: left[name].price(known))
        layer = left.pop(cheapest)
        yield layer.order(known)
        known = [precision + gram for precision, gram in zip(known, layer.grams, strict=True)]


class _Layer:
    """Rows of one layer, of each sketch.

    Attributes:
        dead: coordinates that move with no direction of any image; they tell nothing wherever they are read.
        alive: number of the others.
        grams: A^T A (k, k) of the rows A of each sketch.
    """

    def __init__(self, layout: Layout, tensors: tuple[str, ...], sketches: list[Tensor]) -> None:
        here = coordinates(layout, tensors)
        moves = torch.stack([(sketch[here] != 0).any(1) for sketch in sketches]).any(0)
        self.dead, self._coordinates = here[~moves], here[moves]
        self._partitions = [groups[moves] for groups in partitions(layout, tensors)]
        self._rows = [sketch[self._coordinates] for sketch in sketches]
        self.grams = [rows.T @ rows for rows in self._rows]
        self.alive = len(self._coordinates)

    def price(self, known: list[Tensor]) -> float:
        """Information that the whole layer adds, an entry."""
        gains = [_log_det(a + b) - _log_det(a) for a, b in zip(known, self.grams, strict=True)]
        return float(torch.stack(gains).sum()) / self.alive

    def order(self, known: list[Tensor]) -> Tensor:
        """Its coordinates that are alive, those first that tell least given what is known."""
        white = [_whitened(rows, a) for rows, a in zip(self._rows, known, strict=True)]
        elements = torch.stack([rows.square().sum(1).log1p() for rows in white]).sum(0)
        found = [_Grouping(groups, white, elements) for groups in self._partitions]
        best = min(found, key=lambda one: one.half) if len(found) > 1 else found[0]
        return self._coordinates[best.order]


@dataclass(frozen=True, eq=False)
class _Grouping:
    """A layer's elements in groups, the groups that tell least an element first.

    Attributes:
        groups: number (n,) of each element's group.
        white: rows (n, k) of each sketch, in units of what is not known.
        elements: information (n,) of each element alone.
    """

    groups: Tensor
    white: list[Tensor]
    elements: Tensor

    @property
    def order(self) -> Tensor:
        """Elements (n,), group by group."""
        numbers = sorted(set(self.groups.tolist()))
        prices = torch.stack([self._price(self.groups == number) for number in numbers])
        places = torch.zeros(numbers[-1] - numbers[0] + 1, dtype=torch.int64)
        places[torch.tensor(numbers) - numbers[0]] = prices.argsort().argsort()
        within = torch.argsort(self.elements, stable=True)
        return within[torch.argsort(places[self.groups - numbers[0]][within], stable=True)]

    @property
    def half(self) -> float:
        """Information in the first half of the elements."""
        first = self.order[: len(self.groups) // 2]
        return float(sum(_information(rows[first]) for rows in self.white))

    def _price(self, inside: Tensor) -> Tensor:
        return torch.stack([_information(rows[inside]) for rows in self.white]).sum() / inside.sum()


def _information(rows: Tensor) -> Tensor:
    """Twice the information log det(I + A^T A) / 2 of rows A (n, k)."""
    gram = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    return _log_det(gram + torch.eye(len(gram), dtype=gram.dtype))


def _whitened(rows: Tensor, precision: Tensor) -> Tensor:
    """A L^-T for a precision L L^T, so that A A^T becomes A precision^-1 A^T."""
    factor = torch.linalg.cholesky(precision)
    white: Tensor = torch.linalg.solve_triangular(factor, rows.T, upper=False)
    return white.T


def _log_det(matrix: Tensor) -> Tensor:
    """Of a positive definite matrix."""
    factor: Tensor = torch.linalg.cholesky(matrix)
    return 2 * factor.diagonal().log().sum()
