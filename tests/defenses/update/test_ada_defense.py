"""AdaDefense sends Adam's first step, whose inverse gives the gradient back."""

import numpy as np
import pytest
import torch

from gradveil.defenses import AdaDefense, CompactUpdate, DefenseError, TopK, Work
from gradveil.exchange import Layout, Update

LAYOUT = Layout(("w",), ((3000,),))
SIZES = np.logspace(-9, 0, LAYOUT.size) * np.random.default_rng(0).choice([-1, 1], LAYOUT.size)
UPDATE = Update(LAYOUT, SIZES.astype(np.float32), 2)
NO_WORK = Work(None, None, None)


def sent(defense, update=UPDATE):
    return defense.apply(update, NO_WORK, np.random.default_rng(0))


@pytest.mark.parametrize("knobs", [(1e-3, 0.999, 1e-8), (0.1, 0.9, 1e-4)])
def test_what_is_sent_is_a_step_of_torchs_adam(knobs):
    scale, decay, epsilon = knobs
    weights = torch.zeros(LAYOUT.size, dtype=torch.float64, requires_grad=True)
    # torch corrects the second moment before it adds epsilon, the authors after it.
    adam = torch.optim.Adam([weights], lr=scale, betas=(0.5, decay), eps=epsilon / np.sqrt(1 - decay))
    weights.grad = torch.from_numpy(UPDATE.vector).double()
    adam.step()
    np.testing.assert_allclose(sent(AdaDefense(*knobs)).vector, -weights.detach(), rtol=1e-6)


def test_large_gradients_are_all_alike_and_small_ones_proportional():
    step, softening = sent(AdaDefense()).vector, AdaDefense().softening
    assert softening == pytest.approx(3.16e-7, rel=1e-2)
    large, small = np.abs(SIZES) > 1e-2, np.abs(SIZES) < 1e-8
    np.testing.assert_allclose(np.abs(step[large]), 1e-3, rtol=1e-4)
    np.testing.assert_allclose(step[small], 1e-3 * SIZES[small] / softening, rtol=0.05)


def test_what_does_not_travel_is_not_brought_back():
    pruned = TopK(0.1).apply(UPDATE, NO_WORK, np.random.default_rng(0))
    found = sent(AdaDefense(), pruned)
    assert isinstance(found, CompactUpdate)
    assert np.array_equal(found.kept, pruned.kept)
    assert np.array_equal(found.vector != 0, pruned.kept)


@pytest.mark.parametrize("knobs", [(0.0,), (1e-3, 1.0), (1e-3, -0.1), (1e-3, 0.9, 0.0), (float("inf"),)])
def test_impossible_knobs_are_refused(knobs):
    with pytest.raises(DefenseError, match="positive and finite, the decay in"):
        AdaDefense(*knobs)
