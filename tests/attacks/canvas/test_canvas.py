"""Images as pixels and as what a generator makes."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from attacks import LBFGS, AttackError, Box, Gaussian, GradientMatching, Model, Stage
from attacks.canvas import Latent, Pixels, principal_images
from attacks.evidence import readable, targets_of
from attacks.posterior import IMAGES, Posterior
from attacks.priors import GaussianImages
from attacks.unknowns import Unknowns
from gradveil.metrics import psnr
from tests.attacks.cases import CLIENT, coords_of, generator, images_of, network, seen, update_of

RANK = 40


class Painter(nn.Module):
    """A small generator with dropout, of images (1, 6, 6)."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 36), nn.Dropout(), nn.Sigmoid(), nn.Unflatten(1, (1, 6, 6)))

    def forward(self, vectors):
        return self.layers(vectors)


@pytest.fixture
def painter():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Painter()


@pytest.fixture(scope="module")
def split(digits):
    """Digits to learn from and others, (N, 1, 28, 28)."""
    shuffled = torch.from_numpy(digits.images)[torch.randperm(len(digits.images), generator=generator())]
    return shuffled[:1000], shuffled[1000:1100]


def test_pixels_are_images_and_believe_nothing(tiny):
    values = Pixels(-1.0, 3.0).start(4, 2, tiny, generator())
    assert values.shape == (4, 2, 1, 6, 6)
    assert float(values.min()) >= -1
    assert 2 < float(values.max()) <= 3
    assert Pixels().images(values) is values
    assert torch.equal(Pixels().negative_log(values), torch.zeros(4))


def test_a_latent_makes_every_image_from_its_own_vector(tiny, painter):
    canvas = Latent(painter, (5,))
    values = canvas.start(3, 2, tiny, generator())
    made = canvas.images(values)
    assert made.shape == (3, 2, 1, 6, 6)
    for row in range(3):
        for example in range(2):
            alone = painter.eval()(values[row, [example]])[0]
            torch.testing.assert_close(made[row, example], alone)


def test_its_generator_is_a_fixed_copy(tiny, painter):
    canvas = Latent(painter, (5,))
    values = canvas.start(1, 1, tiny, generator())
    before = canvas.images(values)
    nn.init.zeros_(painter.layers[0].weight)
    assert torch.equal(before, canvas.images(values))
    assert painter.training
    assert not any(weight.requires_grad for weight in canvas.generator.parameters())


def test_vectors_start_where_the_generator_knows_its_way(tiny, painter):
    values = Latent(painter, (5,)).start(400, 2, tiny, generator())
    assert float(values.mean()) == pytest.approx(0, abs=0.05)
    assert float(values.std()) == pytest.approx(1, abs=0.05)
    assert torch.equal(values, Latent(painter, (5,)).start(400, 2, tiny, generator()))


def test_its_belief_is_the_standard_normal_density(tiny, painter):
    values = Latent(painter, (5,)).start(3, 2, tiny, generator())
    normal = torch.distributions.Normal(0.0, 1.0)
    expected = normal.log_prob(torch.zeros(3, 10)).sum(1) - normal.log_prob(values.flatten(1)).sum(1)
    torch.testing.assert_close(Latent(painter, (5,), 0.5).negative_log(values), 0.5 * expected)


def test_the_posterior_adds_the_belief_and_its_slope_is_right(tiny, painter):
    update = update_of(tiny, images_of(tiny), [2])
    double = Model(copy.deepcopy(tiny.network).double(), (1, 6, 6), 4)
    targets = targets_of([readable(seen(double, update), CLIENT, double)], double.layout)
    canvas = Latent(painter.double(), (5,), weight=0.7)
    unknowns = Unknowns({IMAGES: (1, 5)})
    labels = torch.full((3, 1), 2)
    posterior = Posterior(double, targets, Gaussian(0.5), Box(), canvas, unknowns, labels)
    points = torch.randn(3, 5, generator=generator(), dtype=torch.float64)
    without = replace(posterior, canvas=Latent(painter, (5,), weight=0.0))
    apart = posterior.negative_log(points) - without.negative_log(points)
    torch.testing.assert_close(apart, 0.35 * points.square().sum(1))
    assert torch.autograd.gradcheck(posterior.negative_log, points.requires_grad_())


def test_a_search_in_float64_takes_a_generator_in_float32(tiny, painter):
    canvas = Latent(painter, (5,))
    values = canvas.start(2, 1, tiny, generator())
    made = canvas.images(values.double())
    assert made.dtype == torch.float64
    torch.testing.assert_close(made.float(), canvas.images(values))


def test_a_generator_of_other_images_is_refused(painter):
    with pytest.raises(AttackError, match=r"makes images \(1, 6, 6\); the model takes \(1, 12, 12\)"):
        Latent(painter, (5,)).start(1, 1, network("lenet"), generator())


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_its_weight_is_not_negative(painter, weight):
    with pytest.raises(AttackError, match="weight"):
        Latent(painter, (5,), weight)


def test_principal_images_draw_from_the_fitted_density(split):
    canvas, density = principal_images(split[0], RANK), GaussianImages.fitted(split[0], RANK).density
    values = torch.randn(2, 2000, RANK, generator=generator())
    drawn = canvas.images(values).flatten(0, 1).flatten(1)
    torch.testing.assert_close(drawn.mean(0), density.mean, rtol=0, atol=0.03)
    along = (drawn - density.mean) @ density.axes.mT
    torch.testing.assert_close(along.var(0) / density.variances, torch.ones(RANK), rtol=0, atol=0.15)


def test_their_belief_is_that_of_the_density_in_its_plane(split):
    canvas, prior = principal_images(split[0], RANK), GaussianImages.fitted(split[0], RANK)
    values = torch.randn(4, 1, RANK, generator=generator())
    of_images = prior.density.negative_log(canvas.images(values).flatten(2)).sum(1)
    apart = of_images - canvas.negative_log(values)
    torch.testing.assert_close(apart, apart[:1].expand(4), rtol=0, atol=0.05)


def test_an_unseen_digit_is_found_in_the_plane_though_only_the_last_layer_is_read(digits, split, lenet):
    unseen = torch.randperm(len(digits.images), generator=generator())[1000]
    digit, label = split[1][[0]], int(digits.labels[unseen])
    canvas = principal_images(split[0], RANK)
    hidden = coords_of(lenet, *list(lenet.parameters)[:-2])
    observation = seen(lenet, update_of(lenet, digit, [label]), hidden, labels={CLIENT: (label,)})
    search = (Stage(LBFGS(iterations=60)),)
    pixels = GradientMatching(stages=search, restarts=2)
    latent = replace(pixels, canvas=canvas)
    found = [a.reconstruct(observation, lenet, client=CLIENT, rng=generator(1)) for a in (pixels, latent)]
    values = [psnr(one.images, digit.numpy())[0] for one in found]
    assert values[1] > values[0] + 3
