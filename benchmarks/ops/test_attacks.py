"""One step of the search: `make bench`."""

import pytest
import torch

from attacks import Gaussian, Model
from attacks.evidence import Evidence
from attacks.objective import over_starts
from gradveil.models import build

SHAPE = (1, 28, 28)


@pytest.mark.parametrize("network", ["lenet", "cnn"])
@pytest.mark.parametrize("starts", [1, 4, 16])
def test_gradient_matching_step(benchmark, network, starts):
    model = Model(build(network, SHAPE, 10, seed=0), SHAPE, 10)
    labels = torch.full((starts, 1), 3)
    images = torch.rand(starts, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
    read = model.gradient(images[0], labels[0])
    evidence = Evidence(("ann",), read, torch.ones_like(read, dtype=torch.bool), 0.0, 1)
    gradient = model.gradient if starts > 1 else model.gradient_graph
    likelihood = Gaussian()

    def loss(image, label):
        return likelihood.negative_log(gradient(image, label), evidence)

    objective = over_starts(loss, images.shape, labels)
    benchmark(objective, images.flatten(1))
    benchmark.extra_info["milliseconds_a_start"] = benchmark.stats.stats.median / starts * 1e3
