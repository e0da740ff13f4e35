"""The label of one example, from the signs of the last layer's gradient."""

import torch
from torch import Tensor

from attacks.labels.head import Head

_SIGMAS = 3.0


def single_labels(head: Head) -> list[int]:
    """Labels that the evidence leaves, one if it decides.

    The gradient of the layer is (p - y) times its inputs, so with non-negative inputs (sigmoid, ReLU) only
    the label's row is negative; if that row is hidden, the rows that are seen to be positive are ruled out.

    Source: Zhao et al. 2020 (iDLG), section 3.
    """
    scores, threshold = _class_scores(head), _SIGMAS * head.noise_std
    undecided = torch.nonzero(scores.abs() <= threshold).flatten()
    if bool((scores < -threshold).any()) or undecided.numel() == 0:
        return [int(scores.argmin())]
    return [int(label) for label in undecided]


def _class_scores(head: Head) -> Tensor:
    """Signed evidence (K,) of unit noise gain: the bias gradient, else the scaled sum of the row."""
    row_scores = head.weight_sums.sum(1) / head.weight_seen.sum(1).clamp_min(1).sqrt()
    return torch.where(head.bias_seen, head.bias_sums, row_scores)
