"""Hidden entries of a linear layer's gradient, from the readable ones: with one example its rank is one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from attacks.evidence.evidence import Evidence, readable
from attacks.model import Model
from attacks.model.recording import recorded
from gradveil.exchange import Observation

_FLOAT32 = torch.finfo(torch.float32)

_EXACT = _FLOAT32.tiny / _FLOAT32.eps
"""A float32 product of at least this magnitude carries its full relative precision."""

_ROUNDINGS = 32
"""Relative errors, in units of float32 rounding, that readings of an exact product stay within."""

_SWEEPS = 3
"""Further rounds of least squares once all factors are reached: they average the readings' rounding."""


def completed(observation: Observation, client: str, model: Model) -> Evidence:
    """The readable view, with every entry of linear layers' gradients that the readings determine filled in.

    For one example a linear layer has dW = delta h^T and db = delta, so that an entry is determined by any
    path of readable non-zero entries from its row to its column: encrypting it hides nothing. A layer stays
    as it was read if it sees several positions, is called twice, or if its readings are not of rank one to
    float32 rounding. Everything stays as it was read for several examples or if the defense adds noise.

    Raises:
        NotApplicableError: not one parameter's gradient is readable.

    Source: rank-one completion on the bipartite graph of readings, Kiraly et al. 2015 (JMLR 16), section 4;
        dW = delta h^T as in Phong et al. 2018 (TIFS), example 3.
    """
    seen = readable(observation, client, model)
    if seen.examples != 1 or seen.noise_std > 0:
        return seen
    values, mask = seen.values.clone(), seen.mask.clone()
    for layer in single_input_layers(model):
        _complete(layer, model, values, mask)
    return replace(seen, values=values, mask=mask)


@dataclass(frozen=True, eq=False)
class RankOne:
    """Factors of a matrix u v^T as far as readings of some entries determine them.

    Attributes:
        products: u v^T (m, n), float64; meaningful where `determined`.
        determined: bool (m, n), entries that the readings fix.
        consistent: whether all readings agree with one matrix of rank one, to float32 rounding.
    """

    products: Tensor
    determined: Tensor
    consistent: bool


def rank_one(values: Tensor, mask: Tensor, ones: bool = False) -> RankOne:
    """Complete a matrix of rank one from float32 readings of its entries.

    Args:
        values: (m, n); only those under the mask are looked at.
        mask: bool (m, n), true where an entry is read.
        ones: whether v[0] is known to be one, as for a bias column; a reading of zero there then tells that
            the whole row is zero, even if nothing else of the row is read.
    """
    values = torch.where(mask, values, 0.0).double()
    edges = values.abs() >= _EXACT
    rows, columns = _components(edges)
    left, right = _factors(values * edges, edges, columns == torch.arange(len(columns), device=values.device))
    right[0] = 1.0 if ones else right[0]
    zeros = mask & (values == 0)
    dead_row = (left == 0) & (zeros & (right != 0)).any(1)
    dead_column = (right == 0) & (zeros & (left != 0)[:, None]).any(0)
    joined = (rows[:, None] == columns) & (left != 0)[:, None]
    determined = joined | dead_row[:, None] | dead_column
    products = torch.outer(left, right)
    error = ((values - products).abs() - _ROUNDINGS * _FLOAT32.eps * products.abs())[mask & determined]
    impossible = zeros & (left != 0)[:, None] & (right != 0)
    return RankOne(products, determined, not bool((error > _EXACT).any() | impossible.any()))


def _components(edges: Tensor) -> tuple[Tensor, Tensor]:
    """Labels of the connected components that rows (m,) and columns (n,) belong to: their first column."""
    nowhere = edges.shape[1]
    columns = torch.arange(nowhere, device=edges.device)
    while True:
        rows = torch.where(edges, columns, nowhere).amin(1)
        reached = torch.minimum(columns, torch.where(edges, rows[:, None], nowhere).amin(0))
        if torch.equal(reached, columns):
            return rows, columns
        columns = reached


def _factors(values: Tensor, edges: Tensor, roots: Tensor) -> tuple[Tensor, Tensor]:
    """Factors u (m,), v (n,) with v = 1 at the roots, one for each component; zero where nothing is joined.

    Alternating least squares, whose first rounds reach ever more rows and columns from the roots.
    """
    seen = edges.double()
    right = roots & edges.any(0)
    right = right.double()
    left, reached, sweeps = values.new_zeros(len(values)), -1, _SWEEPS
    while sweeps:
        left = _ratio(values @ right, seen @ right.square())
        right = torch.where(roots, right, _ratio(values.mT @ left, seen.mT @ left.square()))
        before, reached = reached, int((right != 0).sum())
        sweeps -= reached == before
    return left, right


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    return torch.where(below > 0, above / below, 0.0)


def _complete(layer: str, model: Model, values: Tensor, mask: Tensor) -> None:
    """Fill in one layer's parts of the flat values and mask (P,)."""
    names = [f"{layer}.{part}" if layer else part for part in ("bias", "weight")]
    slices = [model.layout.slices[name] for name in names if name in model.layout.slices]
    rows = model.parameters[names[-1]].shape[0]
    matrix, read = (torch.cat([one[part].reshape(rows, -1) for part in slices], 1) for one in (values, mask))
    found = rank_one(matrix, read, ones=len(slices) > 1)
    if not found.consistent:
        return
    filled = torch.where(found.determined & ~read, found.products.to(values), matrix)
    known, at = found.determined | read, 0
    for part in slices:
        width = (part.stop - part.start) // rows
        values[part], mask[part] = (one[:, at : at + width].flatten() for one in (filled, known))
        at += width


def single_input_layers(model: Model) -> Iterator[str]:
    """Names of the linear layers with trained weights that an example enters once, at one position."""
    linear = {name: one for name, one in model.network.named_modules() if isinstance(one, nn.Linear)}
    image = torch.zeros(1, *model.input_shape, device=model.device, dtype=model.dtype)
    with recorded(model.network, tuple(linear)) as calls, torch.no_grad():
        model.logits(image)
    for name, module in linear.items():
        once = len(calls[name]) == 1 and calls[name][0].input.numel() == module.in_features
        if once and (f"{name}.weight" if name else "weight") in model.parameters:
            yield name
