"""What holds for the client of every defense in the model."""

import pytest
import torch

from gradveil.defenses import DefenseError, Point
from gradveil.defenses.model import KeyLock, Precode, SecretPolarization
from gradveil.models import build
from gradveil.models.vectors import layout_of

SHAPE, CLASSES = (1, 12, 12), 4
DEFENSES = {
    "key lock": KeyLock(activation="sigmoid"),
    "key lock, all, private statistics": KeyLock("all", buffers="private"),
    "secret polarization": SecretPolarization(0.5, bits=8),
    "precode": Precode(6),
}

every_defense = pytest.mark.parametrize("defense", DEFENSES.values(), ids=DEFENSES.keys())


def network(defense):
    return defense.public(build("lenet_bn", SHAPE, CLASSES, 0)).eval()


def batch(seed=1):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(6, *SHAPE, generator=rng), torch.arange(6) % CLASSES


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


@every_defense
def test_it_is_a_value_that_acts_in_the_model(defense):
    assert defense.point is Point.MODEL
    assert hash(defense) == hash(type(defense)(**vars(defense)))
    assert defense.knobs.items() <= vars(defense).items()
    assert defense.claim


@every_defense
def test_what_is_public_of_a_public_network_is_that_network(defense):
    first = network(defense)
    again = defense.public(first)
    assert again is not first
    assert same(first.state_dict(), again.state_dict())


@every_defense
def test_an_update_names_the_public_networks_parameters(defense):
    public = network(defense)
    names = [name for name, _ in public.named_parameters()]
    client = defense.client(defense.public(public), CLASSES, 0)
    assert list(client.gradient(*batch())) == list(client.parameters) == names


@every_defense
def test_secrets_of_a_seed_repeat_and_others_do_not(defense):
    gradients = [
        defense.client(network(defense), CLASSES, seed).gradient(*batch()) for seed in (0, 0, 1, None)
    ]
    assert same(gradients[0], gradients[1])
    assert not any(same(gradients[0], other) for other in gradients[2:])


@every_defense
def test_a_gradient_is_not_the_public_networks_own(defense):
    public, (images, labels) = network(defense), batch()
    loss = torch.nn.functional.cross_entropy(public(images), labels)
    plain = torch.autograd.grad(loss, list(public.parameters()))
    found = defense.client(public, CLASSES, 0).gradient(images, labels)
    assert not torch.allclose(found["0.weight"], plain[0], rtol=0.1)


@every_defense
def test_a_client_takes_over_what_the_server_sends(defense):
    client, other = (defense.client(network(defense), CLASSES, seed) for seed in (0, 1))
    optimizer = torch.optim.SGD(other.parameters.values(), lr=0.1)
    other.backward(*batch())
    optimizer.step()
    state = defense.public(other.network).state_dict()
    client.adopt(state)
    assert same(defense.public(client.network).state_dict(), state)
    assert all(torch.equal(one, other.parameters[name]) for name, one in client.parameters.items())


@every_defense
def test_backward_leaves_the_gradient_and_moves_what_is_private(defense):
    client, again = (defense.client(network(defense), CLASSES, 3) for _ in range(2))
    public = {name: one.clone() for name, one in client.parameters.items()}
    client.backward(*batch())
    assert same({n: one.grad for n, one in client.parameters.items()}, again.gradient(*batch()))
    assert same(public, client.parameters)
    moved = client.loss(*batch()).item() != again.loss(*batch()).item()
    assert moved == (not isinstance(defense, Precode))  # its only secret is drawn anew, and here in step


@every_defense
def test_a_public_network_has_the_layout_of_the_shared_state(defense):
    public = network(defense)
    client = defense.client(defense.public(public), CLASSES)
    client.backward(*batch())
    assert layout_of(defense.public(client.network)) == layout_of(public)


@pytest.mark.parametrize("knobs", [{"key_size": 0}, {"rate": 0.0}, {"rate": float("nan")}])
def test_knobs_of_a_lock_out_of_range_are_refused(knobs):
    with pytest.raises(DefenseError, match="at least one element"):
        KeyLock(**knobs)


@pytest.mark.parametrize(
    ("defense", "name"),
    [(KeyLock(), "lenet"), (Precode(layer="nowhere"), "lenet")],
    ids=["no normalisation", "no such layer"],
)
def test_a_network_without_its_place_has_no_public_form(defense, name):
    with pytest.raises(DefenseError, match="the network has no"):
        defense.public(build(name, SHAPE, CLASSES, 0))
