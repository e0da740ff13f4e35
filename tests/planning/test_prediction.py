import numpy as np
import pytest

from gradveil.calibration import predict
from gradveil.exchange import Selection
from gradveil.planning.prediction import predicted_leakage
from gradveil.planning.views import View

PIXELS = 72
UNREAD = 10.79


def view(subject, single=0, summed=0, honest=5):
    """The first coordinates."""
    numbers = np.arange(subject.model.layout.size)
    return View(numbers < single, numbers < summed, honest)


def test_without_readings_every_pixel_has_its_prior_variance(subject):
    found = predicted_leakage(view(subject), subject, 1)
    assert (found.psnr, found.known) == (pytest.approx(UNREAD, abs=0.01), 0)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_sum_shares_its_numbers_among_all_pixels(subject, batch):
    found = predicted_leakage(view(subject, summed=90, honest=5), subject, batch)
    assert found.known == pytest.approx(90 / (5 * batch * PIXELS))
    assert found.psnr == pytest.approx(UNREAD - 10 * np.log10(1 - found.known), abs=0.01)


def test_more_numbers_than_pixels_rule_nothing_out(subject):
    assert predicted_leakage(view(subject, summed=5 * PIXELS, honest=5), subject, 1).psnr is None


def test_single_clients_are_linearised(subject):
    seen = view(subject, single=50, summed=50)
    hidden = Selection(subject.model.layout, ~seen.single, "hidden")
    expected = predict(subject.public.first(1), [hidden])[0]
    found = predicted_leakage(seen, subject, 1)
    assert found.psnr == pytest.approx(expected.psnr)
    assert "Jacobian" in found.method


def test_batches_are_counted(subject):
    found = predicted_leakage(view(subject, single=50, summed=50), subject, 4)
    assert found.known == pytest.approx(50 / (4 * PIXELS))
    assert "counting" in found.method
