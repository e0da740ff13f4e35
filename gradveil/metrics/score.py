"""All metrics of one reconstruction at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradveil.metrics.assignment import assign
from gradveil.metrics.identification import identification_rank
from gradveil.metrics.images import Images, mse, psnr, ssim


@dataclass(frozen=True)
class Score:
    """Means over a batch, each example paired with its reconstruction.

    Attributes:
        psnr: dB, peak 1, at most 140.
        ssim: at most 1.
        mse: squared error a pixel.
        label_accuracy: share of right labels, None if the attack named none.
        rank100: mean rank of the truth among 100 candidates, None without a line-up.
        order: order of the reconstructions that pairs them with the truth.
    """

    psnr: float
    ssim: float
    mse: float
    label_accuracy: float | None
    rank100: float | None
    order: NDArray[np.int64]


def score(
    found: Images,
    found_labels: tuple[int, ...] | None,
    truth: Images,
    truth_labels: tuple[int, ...],
    others: Images | None,
) -> Score:
    """Score reconstructions (B, C, H, W) against the truth (B, C, H, W)."""
    order = assign(found, truth)
    paired = np.ascontiguousarray(found[order])
    return Score(
        psnr=float(psnr(paired, truth).mean()),
        ssim=float(ssim(paired, truth).mean()),
        mse=float(mse(paired, truth).mean()),
        label_accuracy=_label_accuracy(found_labels, truth_labels, order),
        rank100=_mean_rank(paired, truth, others),
        order=order,
    )


def _label_accuracy(
    found: tuple[int, ...] | None, truth: tuple[int, ...], order: NDArray[np.int64]
) -> float | None:
    if found is None:
        return None
    return float((np.asarray(found)[order] == np.asarray(truth)).mean())


def _mean_rank(found: Images, truth: Images, others: Images | None) -> float | None:
    if others is None:
        return None
    ranks = [identification_rank(*pair, others) for pair in zip(found, truth, strict=True)]
    return float(np.mean(ranks))
