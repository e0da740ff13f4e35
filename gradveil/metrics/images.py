"""Distances between pairs of images."""

import numpy as np
import torch
from numpy.typing import NDArray

from gradveil.torchvision_ops import define_missing_ops

Images = NDArray[np.float32]

MSE_FLOOR = 1e-14
"""A mean squared error below this counts as this: 140 dB means exact to float32."""


def mse(found: Images, truth: Images) -> NDArray[np.float64]:
    """Mean squared error of each pair, shape (B,); lower is better."""
    difference = found.astype(np.float64) - truth.astype(np.float64)
    return np.asarray((difference**2).reshape(len(truth), -1).mean(axis=1))


def psnr(found: Images, truth: Images) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each pair in dB for a peak of 1, shape (B,), at most 140."""
    return -10 * np.log10(np.maximum(mse(found, truth), MSE_FLOOR))


def within(found: Images, truth: Images, delta: float) -> float:
    """Share of the pairs whose l2 distance over all pixels is at most delta; higher is worse for privacy.

    Source: Balunovic et al. 2022 (ICLR), equation 1; one minus this is the adversary's empirical risk.
    """
    pixels = truth[0].size
    return float((np.sqrt(mse(found, truth) * pixels) <= delta).mean())


def ssim(found: Images, truth: Images) -> NDArray[np.float64]:
    """Structural similarity of each pair, shape (B,); at most 1.

    Source: Wang et al. 2004, Gaussian window of 11 pixels, as in torchmetrics.
    """
    # torchmetrics takes seconds to import and pulls torchvision in; only those who score wait for it.
    define_missing_ops()
    from torchmetrics.functional.image import structural_similarity_index_measure

    values = structural_similarity_index_measure(
        torch.from_numpy(found), torch.from_numpy(truth), data_range=1.0, reduction="none"
    )
    return np.atleast_1d(values.double().numpy())
