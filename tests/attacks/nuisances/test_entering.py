"""Secrets enter the adversary's model as they entered the client's network, on every way through it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from attacks import AttackError, Box, Gaussian, Model
from attacks.canvas import Pixels
from attacks.model.hidden import Hidden
from attacks.nuisances import ChannelScaleShift, UpstreamGradient
from attacks.posterior import IMAGES, Posterior
from attacks.unknowns import Unknowns
from tests.attacks.cases import generator
from tests.attacks.gradients.networks import targets_of
from tests.attacks.nuisances.clients import CLASSES, KINDS, SHAPE, client

ROWS, EXAMPLES = 3, 2


def batch(rows=ROWS):
    rng = generator(21)
    images = torch.rand(rows, EXAMPLES, *SHAPE, generator=rng, dtype=torch.float64)
    return images, torch.randint(CLASSES, (rows, EXAMPLES), generator=rng)


def secrets_of(one, rows=ROWS):
    """Values (R, ...) of the client's kind, another secret in each row."""
    signs = torch.rand(rows, *one.secret.shape[1:], generator=generator(22)).sub(0.3).sign()
    return (signs * one.secret).double()


def expected(one, secrets, images, labels):
    """The gradients of clients with these secrets, by plain autograd."""
    clients = [replace(one, secret=secret[None]) for secret in secrets]
    rows = zip(clients, images, labels, strict=True)
    return torch.stack([each.gradients(image, label) for each, image, label in rows])


def alone(model, images, labels, hidden):
    """Row by row, so that each is one plain pass."""
    rows = [
        model.run(images[[row]], labels[[row]], [hidden.with_values(hidden.values[[row]])])
        for row in range(len(images))
    ]
    return torch.cat([row.gradient.dense() for row in rows])


def together(model, images, labels, hidden):
    assert model.batched
    return model.run(images, labels, [hidden]).gradient.dense()


def mapped(model, images, labels, hidden):
    plan = replace(model._plan, rules={})
    return plan.run(images, labels, [hidden]).gradient.dense()


@pytest.mark.parametrize("way", [alone, together, mapped], ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_the_true_secret_gives_the_clients_own_gradient(kind, way):
    one = client(kind, EXAMPLES)
    images, labels = batch()
    secrets = secrets_of(one)
    found = way(one.model(torch.float64), images, labels, one.nuisance.hidden(secrets))
    torch.testing.assert_close(found, expected(one, secrets, images, labels), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_secret_a_client_sends_another_gradient(kind):
    one = client(kind, EXAMPLES)
    images, labels = batch()
    ignorant = one.model(torch.float64).run(images, labels).gradient.dense()
    sent = expected(one, secrets_of(one), images, labels)
    assert bool(((ignorant - sent).norm(dim=1) > 0.1 * sent.norm(dim=1)).all())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_posterior_differentiates_by_images_and_secrets(kind, rows):
    one = client(kind, EXAMPLES)
    nuisance, model = one.nuisance, one.model(torch.float64)
    images, labels = batch(rows)
    start = nuisance.start(rows, EXAMPLES, model, generator(23))
    values = torch.randn(start.shape, generator=generator(24), dtype=torch.float64)
    blocks = {IMAGES: images, nuisance.name: values}
    unknowns = Unknowns({name: tuple(block.shape[1:]) for name, block in blocks.items()})
    reading = torch.randn(1, model.layout.size, generator=generator(25), dtype=torch.float64)
    targets = targets_of(model, reading, torch.ones_like(reading))
    posterior = Posterior(
        model, targets, Gaussian(resolution=1.0), Box(), Pixels(), unknowns, labels, (nuisance,)
    )
    points = unknowns.join(blocks).requires_grad_()
    assert torch.autograd.gradcheck(posterior.negative_log, points, fast_mode=True)


@pytest.mark.parametrize("way", [alone, together, mapped], ids=lambda way: way.__name__)
def test_secrets_of_one_layer_enter_one_after_the_other(way):
    one = client("channels")
    model = one.model(torch.float64)
    images, labels = batch()
    first, second = torch.rand(2, ROWS, 2, 6, generator=generator(26), dtype=torch.float64)
    scale, shift = first[:, 0] * second[:, 0], second[:, 0] * first[:, 1] + second[:, 1]
    at_once = one.nuisance.hidden(torch.stack((scale, shift), dim=1))
    hidden = one.nuisance.hidden(torch.cat((first, second), dim=1))

    def both(output, values):
        output, _ = one.nuisance.hidden(first).enter(output, values[:, :2])
        return one.nuisance.hidden(second).enter(output, values[:, 2:])

    chained = way(model, images, labels, replace(hidden, enter=both))
    torch.testing.assert_close(way(model, images, labels, at_once), chained)
    found = model.run(images, labels, [one.nuisance.hidden(first), one.nuisance.hidden(second)])
    torch.testing.assert_close(found.gradient.dense(), chained)


@pytest.mark.parametrize("order", [1, -1], ids=["before", "after"])
def test_an_upstream_gradient_meets_the_output_as_it_is_by_then(order):
    one = client("channels")
    model = one.model(torch.float64)
    images, labels = batch()
    scaled = ChannelScaleShift("site").hidden(secrets_of(one))
    pushed = torch.randn(ROWS, EXAMPLES, 6, 6, 6, generator=generator(27), dtype=torch.float64)
    upstream = UpstreamGradient("site").hidden(pushed)
    found = model.run(images, labels, [scaled, upstream][::order]).gradient.dense()
    seen = pushed * scaled.values[:, None, 0, :, None, None] if order > 0 else pushed
    plain = model.run(images, labels, [UpstreamGradient("conv").hidden(seen / _deviation(model)), scaled])
    torch.testing.assert_close(found, plain.gradient.dense())


def _deviation(model):
    """What the normalisation at the site divides by; of its gradient nothing else depends on its input."""
    layer = model.network.site
    return (layer.running_var + layer.eps).sqrt()[:, None, None]


def test_secrets_enter_at_the_logits_too():
    one = client("channels")
    model = one.model(torch.float64)
    images, labels = batch()
    doubled = torch.tensor([[2.0] * CLASSES, [0.0] * CLASSES], dtype=torch.float64).expand(ROWS, 2, CLASSES)
    found = model.run(images, labels, [ChannelScaleShift("out").hidden(doubled)]).gradient
    scaled = one.model(torch.float64)
    scaled.network.out.weight.data.mul_(2)
    scaled.network.out.bias.data.mul_(2)
    other = Model(scaled.network, SHAPE, CLASSES).run(images, labels).gradient
    torch.testing.assert_close(found.blocks["conv.weight"].dense(), other.blocks["conv.weight"].dense())


def test_rows_of_secrets_and_of_images_must_agree():
    one = client("channels")
    images, labels = batch()
    with pytest.raises(AttackError, match="1 rows of values at 'site' for 3"):
        one.model(torch.float64).run(images, labels, [one.nuisance.hidden(secrets_of(one, 1))])


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_another_shape_are_refused(kind):
    one = client(kind, EXAMPLES)
    images, labels = batch()
    wrong = secrets_of(one)[:, :, :1]
    with pytest.raises(AttackError, match="do not fit layer 'site'"):
        one.model(torch.float64).run(images, labels, [one.nuisance.hidden(wrong)])


def test_a_secret_must_keep_the_shape_of_the_output():
    model = Model(nn.Sequential(nn.Flatten(), nn.Linear(64, CLASSES)), SHAPE, CLASSES)
    images, labels = batch()
    halved = Hidden("0", torch.zeros(ROWS, 1), lambda output, values: (output[:, :, :32], None))
    with pytest.raises(AttackError, match="do not fit"):
        model.run(images.float(), labels, [halved])


def test_no_secret_stays_behind_after_an_error():
    one = client("channels")
    model = one.model(torch.float64)
    images, labels = batch()
    before = model.run(images, labels).gradient.dense()
    with pytest.raises(AttackError):
        model.run(images, labels, [one.nuisance.hidden(secrets_of(one, 1))])
    assert torch.equal(model.run(images, labels).gradient.dense(), before)
