"""All metrics of a batch are those of its pairs, labels paired along with the images."""

import numpy as np
import pytest

from gradveil.metrics import CANDIDATES, mse, psnr, score, ssim

ORDER = [2, 0, 1]
LABELS = (7, 8, 9)


@pytest.fixture
def truth():
    return np.random.default_rng(0).random((3, 1, 16, 16), dtype=np.float32)


@pytest.fixture
def others():
    return np.random.default_rng(1).random((CANDIDATES - 1, 1, 16, 16), dtype=np.float32)


@pytest.fixture
def found(truth):
    """The truth in another order, one image blurred more than the next."""
    spread = np.array([0.01, 0.02, 0.03], np.float32).reshape(3, 1, 1, 1)
    noise = np.random.default_rng(2).standard_normal(truth.shape, dtype=np.float32)
    return truth[ORDER] + spread * noise


def test_images_are_scored_as_they_are_paired(found, truth):
    result = score(found, None, truth, LABELS, None)
    paired = found[np.argsort(ORDER)]
    assert result.order.tolist() == np.argsort(ORDER).tolist()
    assert result.psnr == pytest.approx(psnr(paired, truth).mean())
    assert result.ssim == pytest.approx(ssim(paired, truth).mean())
    assert result.mse == pytest.approx(mse(paired, truth).mean())


def test_labels_are_paired_with_their_images(found, truth):
    right = tuple(LABELS[i] for i in ORDER)
    assert score(found, right, truth, LABELS, None).label_accuracy == 1.0
    assert score(found, LABELS, truth, LABELS, None).label_accuracy == 0.0


def test_label_accuracy_is_the_share_of_right_labels(found, truth):
    one_wrong = (LABELS[2], LABELS[0], 0)
    assert score(found, one_wrong, truth, LABELS, None).label_accuracy == pytest.approx(2 / 3)


def test_no_named_labels_no_accuracy(found, truth):
    assert score(found, None, truth, LABELS, None).label_accuracy is None


def test_ranks_are_averaged_over_the_batch(found, truth, others):
    assert score(found, None, truth, LABELS, others).rank100 == 1.0
    others[:3] = found[0]
    assert score(found, None, truth, LABELS, others).rank100 == pytest.approx((4 + 1 + 1) / 3)


def test_no_line_up_no_rank(found, truth):
    assert score(found, None, truth, LABELS, None).rank100 is None
