"""Which networks have pooled ReLU convolutions before their first linear layer: found by trying."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attacks import Model, NotApplicableError
from attacks.routing import trunk_of
from attacks.routing.windows import spread, windows
from tests.attacks.cases import generator, mlp, network
from tests.attacks.routing.nets import picture, pooled


class Functional(nn.Module):
    """The same kind of network, with functions for layers and a first block without pooling."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.Conv2d(4, 6, 3)
        self.head = nn.Linear(6 * 2 * 2, 5)

    def forward(self, images):
        maps = F.relu(self.second(F.relu(self.first(images))))
        return self.head(F.max_pool2d(maps, 2).flatten(1))


def test_blocks_are_those_of_the_network():
    model = pooled()
    trunk = trunk_of(model)
    assert [(block.name, block.side, block.size) for block in trunk.blocks] == [
        ("0", 2, (12, 12)),
        ("3", 2, (6, 6)),
    ]
    assert (trunk.linear, trunk.shape) == ("7", (16, 3, 3))
    torch.testing.assert_close(trunk.inputs_of(2, picture()).flatten(1), model.features(picture()))


def test_functions_are_as_good_as_layers_and_windows_of_one_are_no_pooling():
    trunk = trunk_of(Model(Functional(), (1, 12, 12), 5))
    assert [(block.name, block.side) for block in trunk.blocks] == [("first", 1), ("second", 2)]


def _average():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(100, 5))


def _grouped():
    layers = (nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=2), nn.ReLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 5))


def _overlapping():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(64, 5))


@pytest.mark.parametrize("build", [_average, _grouped, _overlapping])
def test_other_convolutions_are_refused(build):
    with pytest.raises(NotApplicableError, match="use gradient matching"):
        trunk_of(Model(build(), (1, 12, 12), 5))


@pytest.mark.parametrize(
    "model", [mlp(), network("lenet"), network("resnet20", (3, 16, 16))], ids=["mlp", "lenet", "resnet"]
)
def test_other_networks_are_refused(model):
    with pytest.raises(NotApplicableError, match="use gradient matching"):
        trunk_of(model)


def test_three_blocks_are_refused():
    with pytest.raises(NotApplicableError, match="too many"):
        trunk_of(pooled(widths=(4, 4, 4), shape=(1, 16, 16)))


@pytest.mark.parametrize("size", [(6, 6), (7, 9)])
def test_windows_put_back_are_the_maps_but_for_the_rest(size):
    maps = torch.rand(3, *size, generator=generator())
    down, across = size[0] // 2 * 2, size[1] // 2 * 2
    expected = torch.zeros_like(maps)
    expected[:, :down, :across] = maps[:, :down, :across]
    assert torch.equal(spread(windows(maps, 2), 2, size), expected)


def test_the_highest_of_each_window_is_what_max_pooling_gives():
    maps = torch.rand(2, 3, 7, 8, generator=generator())
    torch.testing.assert_close(windows(maps, 2).amax(-1), F.max_pool2d(maps, 2))
