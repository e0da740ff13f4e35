"""The consensus of a victim's rows."""

import pytest
import torch

from attacks import AttackError
from attacks.priors import GroupConsistency
from tests.attacks.priors.cases import images, value_of

PRIOR = GroupConsistency(0.3)


def test_the_value_is_the_squared_distance_to_the_mean_of_the_victims_rows():
    rows = images(6)
    found = value_of(PRIOR, rows, victims=2)
    for own in (slice(0, 3), slice(3, 6)):
        expected = 0.3 * (rows[own] - rows[own].mean(0)).square().flatten(1).sum(1)
        torch.testing.assert_close(found[own], expected)


def test_several_victims_are_as_one_by_one():
    rows = images(6)
    alone = torch.cat([value_of(PRIOR, rows[:3]), value_of(PRIOR, rows[3:])])
    torch.testing.assert_close(value_of(PRIOR, rows, victims=2), alone)


def test_the_slope_of_the_sum_over_rows_agrees_with_finite_differences():
    assert torch.autograd.gradcheck(
        lambda rows: value_of(PRIOR, rows, victims=2).sum(), images(4).requires_grad_()
    )


def test_each_rows_slope_is_its_own():
    rows = images(3).requires_grad_()
    (slope,) = torch.autograd.grad(value_of(PRIOR, rows)[0], rows)
    torch.testing.assert_close(slope[0], 0.6 * (rows[0] - rows.mean(0)).detach())
    assert not slope[1:].any()


def test_one_row_agrees_with_itself():
    assert not value_of(PRIOR, images(3), victims=3).any()


def test_its_weight_is_not_negative():
    with pytest.raises(AttackError, match="weight"):
        GroupConsistency(-1.0)
