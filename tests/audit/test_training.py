import copy

import numpy as np
import pytest
import torch

from gradveil.audit.training import checkpoints
from gradveil.data import Dataset
from gradveil.data.dataset import DataError
from gradveil.models import build

SIDE, CLASSES = 8, 4


@pytest.fixture(scope="module")
def bars():
    """A bright row at one of four heights in noise: easy to learn."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=400)
    images = rng.random((400, 1, SIDE, SIDE), np.float32) / 2
    images[np.arange(400), 0, 2 * labels] += 0.5
    return Dataset("bars", images, labels, CLASSES)


def train(bars, steps, rate=0.1, seed=0):
    network = build("relu_mlp", bars.input_shape, CLASSES, 0)
    return checkpoints(network, bars, steps, batch=16, rate=rate, rng=np.random.default_rng(seed))


def weights(checkpoint):
    return torch.cat([value.flatten() for value in checkpoint.network.state_dict().values()])


def test_training_learns(bars):
    found = train(bars, [0, 60])
    assert found[0].accuracy is None
    assert found[60].accuracy > 0.95
    assert not found[60].network.training


def test_no_step_leaves_the_network_as_it_came(bars):
    network = build("relu_mlp", bars.input_shape, CLASSES, 0)
    before = copy.deepcopy(network.state_dict())
    found = checkpoints(network, bars, [0], 16, 0.1, np.random.default_rng(0))
    assert all(torch.equal(before[name], value) for name, value in found[0].network.state_dict().items())


def test_a_checkpoint_depends_neither_on_later_ones_nor_on_the_run(bars):
    early, both = train(bars, [5]), train(bars, [5, 20])
    assert torch.equal(weights(early[5]), weights(both[5]))
    assert not torch.equal(weights(both[5]), weights(both[20]))
    assert not torch.equal(weights(early[5]), weights(train(bars, [5], seed=1)[5]))


def test_held_out_images_are_never_trained_on(bars):
    """Where a fifth, 80 images, is held out, batches of 16 never show more than 320 others."""

    class Seen(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.images = torch.nn.Linear(SIDE * SIDE, CLASSES), {True: set(), False: set()}

        def forward(self, images):
            self.images[self.training].update(image.numpy().tobytes() for image in images)
            return self.inner(images.flatten(1))

    network = Seen()
    found = checkpoints(network, bars, [100], 16, 0.1, np.random.default_rng(0))
    trained, evaluated = network.images[True], found[100].network.images[False]
    assert len(evaluated) == 80
    assert len(trained) > 300
    assert not trained & evaluated


def test_divergence_says_what_to_do(bars):
    with pytest.raises(DataError, match="lower `train_rate`"):
        train(bars, [300], rate=1e6)


def test_a_batch_beyond_the_data_says_what_to_do(bars):
    small = Dataset("few", bars.images[:10], bars.labels[:10], CLASSES)
    with pytest.raises(DataError, match="few has 8 images to train on; lower `train_batch`"):
        train(small, [1])
