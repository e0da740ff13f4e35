"""The bottleneck is public and the noise is not, and a client's loss is the one that the paper writes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.model import Precode
from gradveil.defenses.model.precode import VariationalBottleneck
from gradveil.models import build
from gradveil.models.vectors import layout_of

SHAPE, CLASSES = (1, 12, 12), 4
SIZE = 6


def public(defense=None, name="lenet"):
    return (defense or Precode(SIZE)).public(build(name, SHAPE, CLASSES, 0))


def batch(count=5):
    rng = torch.Generator().manual_seed(3)
    return torch.rand(count, *SHAPE, generator=rng), torch.arange(count) % CLASSES


def test_the_bottleneck_stands_before_the_last_linear_layer_and_travels():
    network = public()
    pair = network[-1]
    assert isinstance(pair.bottleneck, VariationalBottleneck)
    assert (pair.bottleneck.encoder.out_features, pair.bottleneck.decoder.in_features) == (2 * SIZE, SIZE)
    assert pair.bottleneck.decoder.out_features == pair.layer.in_features
    client = Precode(SIZE).client(network, CLASSES)
    assert tuple(client.gradient(*batch())) == layout_of(network).names
    assert {name.split(".")[1] for name in layout_of(network).names[6:]} == {"bottleneck", "layer"}


def test_a_named_layer_gets_it_instead():
    network = public(Precode(SIZE, layer="5"), "relu_mlp")
    assert isinstance(network[5].bottleneck, VariationalBottleneck)
    assert isinstance(network[-1], nn.Linear)
    alone = Precode(SIZE).public(nn.Linear(3, 2))
    assert alone(torch.zeros(1, 3)).shape == (1, 2)


def test_the_loss_is_cross_entropy_of_sampled_codes_and_their_divergence():
    defense = Precode(SIZE, divergence=0.3)
    network, (images, labels) = public(defense), batch()
    body, bottleneck, layer = network[:-1], network[-1].bottleneck, network[-1].layer
    noise = torch.randn(5, SIZE, generator=torch.Generator().manual_seed(7))
    mean, log_variance = bottleneck.encoder(body(images)).chunk(2, dim=1)
    codes = torch.distributions.Normal(mean, (log_variance / 2).exp())
    divergence = torch.distributions.kl_divergence(codes, torch.distributions.Normal(0.0, 1.0)).sum(1)
    logits = layer(bottleneck.decoder(mean + codes.stddev * noise))
    expected = F.cross_entropy(logits, labels) + 0.3 * divergence.mean()
    torch.testing.assert_close(defense.client(network, CLASSES, seed=7).loss(images, labels), expected)


def test_noise_is_fresh_in_every_pass_and_repeats_for_a_seed_only():
    network, (images, labels) = public(), batch()
    one, same, other = (Precode(SIZE).client(network, CLASSES, seed) for seed in (1, 1, None))
    first, second = (one.loss(images, labels).item() for _ in range(2))
    assert first != second
    assert first == same.loss(images, labels).item() != other.loss(images, labels).item()


def test_others_see_no_noise():
    network, (images, labels) = public(), batch()
    network.train()
    before = network(images)
    Precode(SIZE).client(network, CLASSES).backward(images, labels)
    assert torch.equal(network(images), before)


def test_torchs_own_generator_is_left_alone():
    before = torch.get_rng_state()
    Precode(SIZE).client(public(), CLASSES).backward(*batch())
    assert torch.equal(torch.get_rng_state(), before)


def test_first_weights_are_public_and_of_the_seed():
    first, again, other = (
        Precode(SIZE, seed=seed).public(build("lenet", SHAPE, 4, 0)).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["7.bottleneck.encoder.weight"], other["7.bottleneck.encoder.weight"])


def test_training_learns_behind_the_bottleneck():
    network, (images, labels) = public(name="relu_mlp"), batch(8)
    client = Precode(SIZE).client(network, CLASSES, seed=0)
    optimizer = torch.optim.Adam(client.parameters.values(), lr=1e-2)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        losses.append(client.backward(images, labels))
        optimizer.step()
    assert np.mean(losses[-5:]) < losses[0] / 5
    assert bool((network(images).argmax(1) == labels).all())


@pytest.mark.parametrize("knobs", [{"size": 0}, {"divergence": -1.0}, {"divergence": float("inf")}])
def test_knobs_out_of_range_are_refused(knobs):
    with pytest.raises(DefenseError, match="a bottleneck needs"):
        Precode(**knobs)


def test_a_network_without_its_place_is_refused():
    with pytest.raises(DefenseError, match="no linear layer to put"):
        Precode().public(nn.Conv2d(1, 1, 1))
    with pytest.raises(DefenseError, match="no linear layer 'nowhere'"):
        Precode(layer="nowhere").public(build("lenet", SHAPE, 4, 0))
    with pytest.raises(DefenseError, match=r"give the client public\(network\)"):
        Precode().client(build("lenet", SHAPE, 4, 0), 4)
