"""One step of the search: `make bench`."""

import pytest
import torch

from attacks import Box, Gaussian, Model
from attacks.canvas import Pixels
from attacks.evidence import Evidence, targets_of
from attacks.posterior import Posterior
from attacks.unknowns import Unknowns
from gradveil.models import build

SHAPE = (1, 28, 28)


@pytest.mark.parametrize("network", ["lenet", "cnn", "fedavg_cnn"])
@pytest.mark.parametrize("starts", [1, 8, 32])
def test_gradient_matching_step(benchmark, network, starts):
    model = Model(build(network, SHAPE, 10, seed=0), SHAPE, 10)
    labels = torch.full((starts, 1), 3)
    images = torch.rand(starts, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
    read = model.gradient(images[0], labels[0])
    evidence = Evidence(("ann",), read, torch.ones_like(read, dtype=torch.bool), 0.0, 1)
    targets, unknowns = targets_of([evidence], model.layout), Unknowns({"images": tuple(images.shape[1:])})
    posterior = Posterior(model, targets, Gaussian(), Box(), Pixels(), unknowns, labels)
    benchmark(posterior, unknowns.join({"images": images}))
    benchmark.extra_info["milliseconds_a_start"] = benchmark.stats.stats.median / starts * 1e3
