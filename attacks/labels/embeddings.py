"""One embedding for each class, from the rows of the last layer's gradient."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.labels.head import Head

_SIGMAS = 3.0

_PRIOR_SUM = 0.5
"""Noise images weigh as much as a row whose bias gradient is half an example."""


@dataclass(frozen=True, eq=False)
class ClassView:
    """What the rows of the gradient say about the classes.

    Attributes:
        sums: (K,), the sum of p_j - [y = j] over the examples: the bias gradient, read or estimated.
        read: bool (K,), rows of which anything was read or follows.
        embeddings: (K, d), the embedding that stands for the examples of each class.
    """

    sums: Tensor
    read: Tensor
    embeddings: Tensor


def class_view(head: Head) -> ClassView:
    """Embeddings e_j = dW_j / db_j where readable, and otherwise the median of the rows that are.

    A hidden db_j is the least-squares factor of dW_j to one common embedding. The ratio of a row whose
    examples cancel in db_j explodes; embeddings stay within the median's norm around the median.

    Source: Ma et al. 2023 (iLRG), section 3.2, for fully readable layers.
    """
    centre = _median_embedding(head)
    sums, read = _class_sums(head, _common_embedding(head))
    usable = head.weight_seen & (sums.abs() > _SIGMAS * head.noise_std)[:, None]
    offsets = torch.where(usable, _ratios(head.weight_sums, sums) - centre, 0.0)
    lengths = offsets.norm(dim=1, keepdim=True).clamp_min(torch.finfo(offsets.dtype).tiny)
    return ClassView(sums, read, centre + offsets * (centre.norm() / lengths).clamp_max(1.0))


def _median_embedding(head: Head) -> Tensor:
    """Median (d,) over the rows with a readable bias gradient; noise images stand in where there is none."""
    usable = head.weight_seen & head.bias_seen[:, None]
    usable &= (head.bias_sums.abs() > _SIGMAS * head.noise_std)[:, None]
    ratios = torch.where(usable, _ratios(head.weight_sums, head.bias_sums), torch.nan)
    median = ratios.nanmedian(0).values
    return torch.where(median.isnan(), head.typical, median)


def _common_embedding(head: Head) -> Tensor:
    """Least-squares solution (d,) of dW_j = db_j e over the readable pairs and one that noise images give."""
    sums = (head.weight_seen & head.bias_seen[:, None]) * head.bias_sums[:, None]
    products = (sums * head.weight_sums).sum(0) + _PRIOR_SUM**2 * head.typical
    common: Tensor = products / (sums.square().sum(0) + _PRIOR_SUM**2)
    return common


def _class_sums(head: Head, common: Tensor) -> tuple[Tensor, Tensor]:
    """Bias gradients (K,), estimated where hidden, and which of them are known at all."""
    energy = (head.weight_seen * common.square()).sum(1)
    factors = (head.weight_sums @ common) / energy.clamp_min(torch.finfo(energy.dtype).tiny)
    sums = torch.where(head.bias_seen, head.bias_sums, factors)
    read = head.bias_seen | (energy > 0)
    if int((~read).sum()) == 1:
        sums = torch.where(read, sums, -sums[read].sum())
        read = torch.ones_like(read)
    return sums, read


def _ratios(weight_sums: Tensor, sums: Tensor) -> Tensor:
    return weight_sums / torch.where(sums == 0, torch.nan, sums)[:, None]
