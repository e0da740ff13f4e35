"""The likelihood's weight during a search."""

import pytest
import torch

from attacks import AttackError
from attacks.annealing import Geometric, constant


@pytest.mark.parametrize("kind", [float, torch.tensor])
def test_the_weight_grows_by_equal_factors_until_half_of_the_search(kind):
    annealing = Geometric(0.01)
    weights = [float(annealing(kind(progress))) for progress in (0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0)]
    assert weights == pytest.approx([0.01, 10**-1.5, 0.1, 10**-0.5, 1.0, 1.0, 1.0])


def test_a_start_of_one_is_no_annealing():
    assert all(float(Geometric(1.0)(progress)) == constant(progress) for progress in (0.0, 0.3, 1.0))


@pytest.mark.parametrize(("start", "until"), [(0.0, 0.5), (2.0, 0.5), (0.1, 0.0), (0.1, 1.5)])
def test_schedules_that_cannot_be_are_refused(start, until):
    with pytest.raises(AttackError):
        Geometric(start, until)
