"""First guesses, beliefs and the errors of nuisances."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
from torch.nn import functional as F

from attacks import AttackError, Model
from attacks.nuisances import ChannelScaleShift, DropoutMask, KnownSecret, UpstreamGradient, VariationalNoise
from tests.attacks.cases import generator
from tests.attacks.nuisances.clients import CLASSES, KINDS, RATE, SHAPE, client, network

ROWS, EXAMPLES = 2, 3
SHAPES = {
    "channels": (ROWS, 2, 6),
    "dropout": (ROWS, EXAMPLES, 6, 6, 6),
    "variational": (ROWS, EXAMPLES, 16),
    "upstream": (ROWS, EXAMPLES, 6, 6, 6),
}


def densities():
    """Nuisances and what torch says of the same belief."""
    return {
        "channels": (ChannelScaleShift("site", 0.5, 0.2, std=0.3), _scale_shift),
        "dropout": (
            DropoutMask("site", RATE, temperature=0.7),
            LogitRelaxedBernoulli(torch.tensor(0.7), probs=torch.tensor(1 - RATE)).log_prob,
        ),
        "variational": (VariationalNoise("site"), Normal(0.0, 1.0).log_prob),
        "upstream": (UpstreamGradient("site", std=0.1), Normal(0.0, 0.1).log_prob),
    }


def _scale_shift(values):
    return Normal(torch.tensor([[0.5], [0.2]]), 0.3).log_prob(values)


@pytest.mark.parametrize("kind", KINDS)
def test_first_guesses_fit_the_layer_and_follow_the_generator(kind):
    one = client(kind)
    drawn = [one.nuisance.start(ROWS, EXAMPLES, one.model(), generator(seed)) for seed in (1, 1)]
    assert tuple(drawn[0].shape) == SHAPES[kind]
    assert torch.equal(*drawn)
    assert one.nuisance.start(ROWS, EXAMPLES, one.model(torch.float64), generator()).dtype == torch.float64


def test_scales_start_at_one_and_shifts_at_zero_unless_told_otherwise():
    model = client("channels").model()
    start = ChannelScaleShift("site").start(ROWS, EXAMPLES, model, generator())
    assert bool((start[:, 0] == 1).all())
    assert not bool(start[:, 1].any())
    elsewhere = ChannelScaleShift("site", scale=0.5, shift=2.0, spread=0.1)
    centred = elsewhere.start(500, EXAMPLES, model, generator()).mean((0, 2))
    torch.testing.assert_close(centred, torch.tensor([0.5, 2.0]), atol=0.02, rtol=0)


def test_first_masks_keep_as_many_values_as_the_dropout_does():
    start = DropoutMask("site", 0.25).start(200, 1, client("dropout").model(), generator())
    assert float((start > 0).float().mean()) == pytest.approx(0.75, abs=0.01)


def test_upstream_gradients_start_at_zero_unless_told_otherwise():
    model = client("upstream").model()
    assert not bool(UpstreamGradient("site").start(ROWS, EXAMPLES, model, generator()).any())
    spread = UpstreamGradient("site", spread=0.2).start(50, EXAMPLES, model, generator())
    assert float(spread.std()) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_beliefs_are_the_densities_they_are_called(kind):
    nuisance, log_density = densities()[kind]
    values = 2 * torch.randn(4, *SHAPES[kind][1:], generator=generator())
    found = nuisance.negative_log(values)
    expected = -log_density(values).flatten(1).sum(1)
    torch.testing.assert_close(found - found[0], expected - expected[0], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("nuisance", [ChannelScaleShift("site"), UpstreamGradient("site")], ids=["both", "v"])
def test_without_belief_every_value_is_as_good(nuisance):
    assert nuisance.negative_log(torch.randn(3, 2, 6, generator=generator())).tolist() == [0, 0, 0]


def test_names_differ_by_kind_and_by_layer():
    kinds = (ChannelScaleShift, lambda site: DropoutMask(site, RATE), VariationalNoise, UpstreamGradient)
    names = [kind(site).name for kind in kinds for site in ("one", "other")]
    assert len(set(names)) == len(names)


def test_other_deviations_and_no_divergence():
    one = client("variational")
    model = one.model()
    images, labels = torch.rand(1, 1, *SHAPE, generator=generator()), torch.tensor([[1]])
    noise = torch.randn(1, 1, 16, generator=generator())
    soft = VariationalNoise("site", deviation=F.softplus).hidden(noise)
    by_hand = network("variational")
    statistics = by_hand[:4](images[0])
    mean, spread = statistics.chunk(2, dim=1)
    loss = F.cross_entropy(by_hand.out(mean + F.softplus(spread) * noise[0]), labels[0])
    expected = torch.autograd.grad(loss, list(by_hand.parameters()))
    found = model.run(images, labels, [soft]).gradient.dense()[0]
    torch.testing.assert_close(found, torch.cat([one.flatten() for one in expected]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_layer_is_named(kind):
    one = client(kind)
    model = Model(nn.Sequential(nn.Flatten(), nn.Linear(64, CLASSES)), SHAPE, CLASSES)
    with pytest.raises(AttackError, match="no layer 'site'"):
        one.nuisance.start(ROWS, EXAMPLES, model, generator())


class Twice(nn.Module):
    """Calls one layer twice, never calls another, and one that gives no single tensor a row."""

    def __init__(self):
        super().__init__()
        self.act, self.never, self.fc = nn.Sigmoid(), nn.Identity(), nn.Linear(64, CLASSES)
        self.recurrent, self.total = nn.RNN(CLASSES, CLASSES, batch_first=True), nn.Flatten(0)

    def forward(self, images):
        out = self.fc(self.act(self.act(images.flatten(1))))
        self.total(out)
        return self.recurrent(out[:, None])[0][:, 0]


@pytest.mark.parametrize(
    ("site", "complaint"),
    [
        ("act", "called 2 times"),
        ("never", "called 0 times"),
        ("recurrent", "one tensor"),
        ("total", "one tensor"),
    ],
)
def test_a_layer_where_no_secret_can_enter_is_refused(site, complaint):
    model = Model(Twice(), SHAPE, CLASSES)
    with pytest.raises(AttackError, match=complaint):
        UpstreamGradient(site).start(ROWS, EXAMPLES, model, generator())
    assert not any(module._forward_hooks for module in model.network.modules())


def test_means_and_spreads_come_in_pairs():
    model = Model(nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), SHAPE, 5)
    with pytest.raises(AttackError, match="not as many means as spreads"):
        VariationalNoise("1").start(ROWS, EXAMPLES, model, generator())


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.2])
def test_dropout_rates_lie_between_0_and_1(rate):
    with pytest.raises(AttackError, match="dropout rate"):
        DropoutMask("site", rate)


def test_the_temperature_is_positive():
    with pytest.raises(AttackError, match="temperature"):
        DropoutMask("site", RATE, temperature=0.0)


@pytest.mark.parametrize("kind", [ChannelScaleShift, UpstreamGradient], ids=lambda kind: kind.__name__)
def test_standard_deviations_are_positive(kind):
    with pytest.raises(AttackError, match="standard deviation"):
        kind("site", std=0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_secret_enters_as_it_is_and_leaves_nothing_to_solve_for(kind):
    one = client(kind)
    model = one.model()
    values = one.nuisance.start(1, EXAMPLES, model, generator(3))
    known = KnownSecret(of=one.nuisance, given=values)
    start = known.start(ROWS, EXAMPLES, model, generator())
    assert (known.name, tuple(start.shape)) == (one.nuisance.name, (ROWS, 0))
    assert torch.equal(known.hidden(start).values, values.repeat(ROWS, *(1,) * (values.ndim - 1)))
    assert torch.equal(known.negative_log(start), torch.zeros(ROWS))
