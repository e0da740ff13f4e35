"""One search chooses among the ends it reaches from what closed forms and helpers find, without the truth."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from attacks import Attack, AttackError, Found, Guess, Informed, NotApplicableError, Stage
from attacks.presets import mask_aware
from attacks.priors import Box
from attacks.searches import LBFGS, Ranking
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, generator, images_of, mlp, reconstruct, seen, update_of

TINY = mlp()
TRUTH = images_of(TINY)
HIDDEN = np.arange(0, TINY.layout.size, 3)
STUCK = replace(mask_aware(), prior=Box(), stages=(Stage(Ranking()),), restarts=1)
"""A search that does not move: its end is its start."""


@dataclass(frozen=True)
class Answer(Attack):
    """Finds what it was told to, or breaks."""

    name = "answer"
    citation = "this test"

    found: np.ndarray | Exception
    left: float | None = None

    def run(self, observation, model, client, rng):
        if isinstance(self.found, Exception):
            raise self.found
        return Found(self.found, (2,), (client,), 0.0, unexplained=self.left)


@pytest.fixture(scope="module")
def observation():
    return seen(TINY, update_of(TINY, TRUTH, [2]), HIDDEN, labels={CLIENT: (2,)})


WRONG, RIGHT = Answer(1 - TRUTH.numpy()), Answer(TRUTH.numpy())


def test_the_search_goes_on_from_what_helpers_find_and_the_likeliest_end_is_kept(observation):
    attack = Informed(STUCK, helpers={"wrong": WRONG, "right": RIGHT})
    found = reconstruct(attack, observation, TINY)
    np.testing.assert_array_equal(found.images, TRUTH.numpy())
    assert found.origin == "gradient_matching from right"


def test_poor_help_does_no_harm(observation):
    alone = Informed(mask_aware())
    helped = Informed(mask_aware(), helpers={"wrong": WRONG})
    ends = [reconstruct(attack, observation, TINY) for attack in (alone, helped)]
    assert ends[1].objective <= ends[0].objective


def test_help_is_improved_by_the_search(observation):
    near = Answer((TRUTH + 0.02 * torch.randn(TRUTH.shape, generator=generator())).numpy())
    search = replace(mask_aware(), prior=Box(), stages=(Stage(LBFGS(iterations=200)),), restarts=1)
    found = reconstruct(Informed(search, helpers={"near": near}), observation, TINY)
    assert psnr(found.images, TRUTH.numpy())[0] > psnr(near.found, TRUTH.numpy())[0] + 2


@pytest.mark.parametrize(("left", "origin"), [(1e-13, "answer"), (1e-3, "gradient_matching from answer")])
def test_a_closed_form_is_believed_if_it_says_that_it_explains_the_readings(observation, left, origin):
    attack = Informed(STUCK, (replace(RIGHT, left=left),), {"wrong": WRONG})
    assert reconstruct(attack, observation, TINY).origin == origin


def test_nobody_is_asked_for_help_once_everything_read_is_explained():
    observation = seen(TINY, update_of(TINY, TRUTH, [2]), labels={CLIENT: (2,)})
    attack = Informed(mask_aware(), helpers={"broken": Answer(RuntimeError("asked"))})
    assert reconstruct(attack, observation, TINY).origin == "gradient_matching"


@pytest.mark.parametrize("error", [NotApplicableError("not this one"), AttackError("diverged")])
def test_members_that_do_not_apply_or_break_are_passed_over(observation, error):
    attack = Informed(STUCK, (Answer(error),), {"broken": Answer(error), "right": RIGHT})
    assert reconstruct(attack, observation, TINY).origin.endswith("right")


def test_images_of_another_number_are_no_start(observation):
    two = Answer(np.concatenate([TRUTH.numpy()] * 2))
    found = reconstruct(Informed(STUCK, helpers={"two": two}), observation, TINY)
    assert found.origin == "gradient_matching"


def test_help_stands_as_it_is_where_the_search_does_not_apply(observation):
    def unreadable(*_):
        raise NotApplicableError("nothing is read")

    search = replace(STUCK, view=unreadable)
    attack = Informed(search, helpers={"wrong": WRONG, "right": RIGHT})
    assert reconstruct(attack, observation, TINY).origin == "right"
    with pytest.raises(NotApplicableError, match="gradient_matching: nothing is read"):
        reconstruct(Informed(search), observation, TINY)


def test_what_broke_is_no_matter_of_applying(observation):
    broken = replace(STUCK, view=lambda *_: (_ for _ in ()).throw(AttackError("diverged")))
    with pytest.raises(AttackError, match="diverged") as raised:
        reconstruct(Informed(broken), observation, TINY)
    assert not isinstance(raised.value, NotApplicableError)


def test_no_help_is_asked_for_after_the_budget(observation):
    attack = Informed(STUCK, helpers={"right": RIGHT}, budget=0.0)
    assert reconstruct(attack, observation, TINY).origin == "gradient_matching"


def test_who_takes_part_and_what_is_believed_is_told():
    told = Informed(mask_aware(), (RIGHT,), {"wrong": WRONG}).assumptions
    assert told["adversaries"] == "answer, gradient_matching, wrong"
    assert told["view"] == "readable"
    assert told["likelihood"] == "Gaussian(resolution=0.001)"


def test_the_search_has_to_match_gradients():
    with pytest.raises(AttackError, match="guess does not match gradients"):
        Informed(Guess())
