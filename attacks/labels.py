"""Restoring labels from what is readable of the last linear layer."""

import torch
from torch import Tensor

from attacks.errors import NotApplicableError
from attacks.evidence import Evidence
from attacks.model import Model

_SIGMAS = 3.0
_PROBES = 64

LabelCandidates = list[tuple[int, ...]]
"""Label assignments worth a start of the search, all equally likely."""


def restore_labels(evidence: Evidence, model: Model) -> LabelCandidates:
    """Candidates for the labels behind a sum of gradients; one candidate if the evidence decides.

    One example: the gradient of the last layer is (p - y) times its inputs, so with non-negative inputs
    (sigmoid, ReLU) only the label's row is negative; if that row is hidden, the rows that are seen to be
    positive are ruled out. Several examples: the bias gradient is the expected minus the true class counts.

    Source: Zhao et al. 2020 (iDLG), section 3; counts as in Ma et al. 2023 (iLRG), first-order.

    Raises:
        NotApplicableError: several examples and a hidden bias gradient.
    """
    if evidence.examples == 1:
        return [(label,) for label in _single_label(_class_scores(evidence, model), evidence.noise_std)]
    return [_labels_by_count(evidence, model)]


def _class_scores(evidence: Evidence, model: Model) -> Tensor:
    """Signed evidence (classes,) of unit noise gain: the bias gradient, else the scaled sum of the row."""
    weight, bias, inputs = model.linear_parts(model.linear_layers[-1])
    values, mask = evidence.values, evidence.mask
    row_values, row_mask = values[weight].reshape(-1, inputs), mask[weight].reshape(-1, inputs)
    row_scores = row_values.sum(1) / row_mask.sum(1).clamp_min(1).sqrt()
    return torch.where(mask[bias], values[bias], row_scores)


def _single_label(scores: Tensor, noise_std: float) -> list[int]:
    threshold = _SIGMAS * noise_std
    undecided = torch.nonzero(scores.abs() <= threshold).flatten()
    if bool((scores < -threshold).any()) or undecided.numel() == 0:
        return [int(scores.argmin())]
    return [int(label) for label in undecided]


def _labels_by_count(evidence: Evidence, model: Model) -> tuple[int, ...]:
    _, bias, _ = model.linear_parts(model.linear_layers[-1])
    if not bool(evidence.mask[bias].all()):
        raise NotApplicableError("the last bias is hidden, so batch labels cannot be inferred; grant them")
    expected = evidence.examples * _mean_probabilities(model)
    return _round_to_total(expected - evidence.values[bias], evidence.examples)


def _mean_probabilities(model: Model) -> Tensor:
    """Average softmax output over uniform noise images; fixed seed, so the attack stays deterministic."""
    generator = torch.Generator().manual_seed(0)
    probes = torch.rand(_PROBES, *model.input_shape, generator=generator).to(model.device)
    return model.logits(probes).softmax(1).mean(0)


def _round_to_total(counts: Tensor, total: int) -> tuple[int, ...]:
    """Labels in increasing order whose class counts are nearest to the estimate and add up."""
    whole = [0] * counts.numel()
    left = counts.tolist()
    for _ in range(total):
        label = max(range(len(left)), key=left.__getitem__)
        whole[label] += 1
        left[label] -= 1
    return tuple(label for label, count in enumerate(whole) for _ in range(count))
