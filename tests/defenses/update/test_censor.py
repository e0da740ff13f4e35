"""CENSOR's updates are orthogonal to the gradient, tensor by tensor, and the best of those tried."""

import numpy as np
import pytest
import torch

from gradveil.defenses import Censor, DefenseError, Work
from gradveil.defenses.update.censor import orthogonal
from gradveil.exchange import Layout, Update
from tests.laws.clients import MODEL, batch

IMAGES, LABELS = batch("ann")
GRADIENT = MODEL.gradient(IMAGES, LABELS).numpy() / len(IMAGES)
WORK = Work(MODEL.network, IMAGES, LABELS)


def sent(defense, seed=0):
    update = Update(MODEL.layout, GRADIENT, len(IMAGES))
    return defense.apply(update, WORK, np.random.default_rng(seed)).vector


@pytest.mark.parametrize("name", MODEL.layout.names)
def test_every_tensor_is_turned_by_a_right_angle(name):
    part = MODEL.layout.slices[name]
    found, true = sent(Censor(3))[part].astype(np.float64), GRADIENT[part].astype(np.float64)
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(true), rel=1e-5)
    assert abs(found @ true) < 1e-5 * np.linalg.norm(true) ** 2


def loss_after(vector, step):
    weights = {
        name: tensor.double()
        - step * torch.from_numpy(vector[MODEL.layout.slices[name]]).reshape(tensor.shape)
        for name, tensor in MODEL.parameters.items()
    }
    logits = torch.func.functional_call(MODEL.network, weights, (IMAGES.double(),))
    return float(torch.nn.functional.cross_entropy(logits, LABELS.double()))


@pytest.mark.parametrize("step", [1e-4, 1.0])
def test_the_trial_of_lowest_loss_is_sent(step):
    rng = np.random.default_rng(5)
    tried = [orthogonal(GRADIENT.astype(np.float64), MODEL.layout, rng) for _ in range(6)]
    losses = [loss_after(one, step) for one in tried]
    assert np.array_equal(sent(Censor(6, step), seed=5), tried[int(np.argmin(losses))].astype(np.float32))


def test_the_network_is_left_as_it_was():
    before = {name: one.clone() for name, one in MODEL.network.state_dict().items()}
    sent(Censor(2))
    assert all(torch.equal(before[name], one) for name, one in MODEL.network.state_dict().items())


def test_tensors_with_nothing_orthogonal_are_sent_as_zero():
    layout = Layout(("one", "dead", "rest"), ((1,), (4,), (4,)))
    gradient = np.array([2.0, 0, 0, 0, 0, 1, 2, 3, 4])
    found = orthogonal(gradient, layout, np.random.default_rng(0))
    assert not found[:5].any()
    assert found[5:].any()


@pytest.mark.parametrize("knobs", [(0,), (1, 0.0), (1, float("nan"))])
def test_impossible_knobs_are_refused(knobs):
    with pytest.raises(DefenseError, match="at least one trial"):
        Censor(*knobs)
