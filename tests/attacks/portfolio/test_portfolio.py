"""Of several adversaries the one counts that explains the readings best."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from attacks import Attack, Certificate, Found, NotApplicableError, Portfolio
from tests.attacks.cases import CLIENT, generator, images_of, seen, update_of

EXACT = Certificate(rank=36, dimension=36, relative_residual=0.0, psnr=100.0)


@dataclass(frozen=True)
class Answer(Attack):
    """Finds what it was told to, or does not apply; remembers that it was asked."""

    name = "answer"
    citation = "this test"

    images: np.ndarray | None
    certificate: Certificate | None = None
    asked: list = field(default_factory=list)

    def run(self, observation, model, client, rng):
        self.asked.append(client)
        if self.images is None:
            raise NotApplicableError("not this one")
        return Found(self.images, (2,), (client,), 0.0, self.certificate)


@pytest.fixture
def truth(tiny):
    return images_of(tiny).numpy()


def run(tiny, truth, *members, budget=60.0):
    observation = seen(tiny, update_of(tiny, torch.from_numpy(truth), [2]))
    attack = Portfolio(members, budget)
    return attack.reconstruct(observation, tiny, client=CLIENT, rng=generator())


def test_the_one_that_predicts_the_readings_is_kept_whatever_the_order(tiny, truth):
    for images in ((1 - truth, truth), (truth, 1 - truth)):
        found = run(tiny, truth, *(Answer(one) for one in images))
        np.testing.assert_array_equal(found.images, truth)


def test_members_that_do_not_apply_are_passed_over(tiny, truth):
    np.testing.assert_array_equal(run(tiny, truth, Answer(None), Answer(truth)).images, truth)


def test_if_none_applies_the_reasons_are_given(tiny, truth):
    with pytest.raises(NotApplicableError, match="answer: not this one; answer: not this one"):
        run(tiny, truth, Answer(None), Answer(None))


def test_nothing_follows_a_certified_reconstruction(tiny, truth):
    last = Answer(truth)
    run(tiny, truth, Answer(truth, EXACT), last)
    assert last.asked == []


def test_no_member_begins_once_the_budget_is_spent_and_something_was_found(tiny, truth):
    late = Answer(truth)
    run(tiny, truth, Answer(None), Answer(1 - truth), late, budget=0.0)
    assert late.asked == []
