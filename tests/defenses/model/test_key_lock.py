"""Locks stay with their clients, and all that travels fits everybody's network."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from gradveil.defenses.base import DefenseError
from gradveil.defenses.model.key_lock import Key, KeyLock, Lock
from gradveil.defenses.model.key_lock.defense import lock_values, locks_of
from gradveil.models import build
from secagg.errors import SecretExposedError

SHAPE = (1, 12, 12)


def key(seed=0, size=1024):
    return Key(np.random.default_rng(seed).random(size, dtype=np.float32))


def locked(defense=None, name="lenet_bn", seed=0):
    return (defense or KeyLock()).locked(build(name, SHAPE, 10, 0), key(seed), seed)


def images(count=6):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(3))


def trained(network, steps=3):
    optimizer = torch.optim.SGD(network.train().parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images()), torch.arange(6)).backward()
        optimizer.step()
    return network


def test_a_generated_key_is_uniform_and_fresh():
    first, second = (Key.generate(100_000).reveal() for _ in range(2))
    assert not torch.equal(first, second)
    counts = np.histogram(first.numpy(), 10, (0, 1))[0]
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 40  # chi-squared, 9 degrees of freedom: p = 8e-6


def test_a_key_does_not_leave_its_process():
    secret = key()
    assert repr(secret) == "Key(redacted)"
    assert secret != key()
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(SecretExposedError):
            leak(secret)


@pytest.mark.parametrize("values", [[], [[0.5]], [1.0], [-0.1], [np.nan]])
def test_what_is_no_key_is_refused(values):
    with pytest.raises(DefenseError, match="numbers in"):
        Key(values)


@pytest.mark.parametrize(
    ("name", "activation"), [("lenet_bn", "relu"), ("lenet_bn", "sigmoid"), ("vgg11", "sigmoid")]
)
def test_a_lock_scales_and_shifts_normalised_channels(name, activation):
    network = locked(KeyLock(activation=activation), name).eval()
    scales, shifts = next(lock_values(network))
    control = build(name, SHAPE, 10, 0).eval()
    with torch.no_grad():
        control[1].weight.copy_(scales)
        control[1].bias.copy_(shifts)
    torch.testing.assert_close(network(images()), control(images()))


def test_a_relu_lock_has_dead_channels_and_a_sigmoid_lock_has_none():
    scales = torch.cat([next(lock_values(locked(seed=seed)))[0] for seed in range(20)])
    alive = [locked(KeyLock(activation="sigmoid"), seed=seed) for seed in range(5)]
    assert 0.3 < float((scales == 0).float().mean()) < 0.7
    assert all(bool((next(lock_values(one))[0] > 0).all()) for one in alive)


@pytest.mark.parametrize(
    ("name", "where", "locks"),
    [("resnet20", "first", 1), ("resnet20", "all", 19), ("vgg11", "first", 1), ("vgg11", "all", 8)],
)
@pytest.mark.parametrize("buffers", ["shared", "private"])
def test_only_the_locks_are_withheld(name, where, locks, buffers):
    defense = KeyLock(where, buffers=buffers)
    network = locked(defense, name)
    per_lock = 4 if buffers == "shared" else 7
    assert len(locks_of(network)) == locks
    assert len(defense.withheld(network)) == per_lock * locks
    assert len(defense.withheld(network)) + len(defense.shared(network)) == len(network.state_dict())


@pytest.mark.parametrize("name", ["resnet20", "vgg11"])
@pytest.mark.parametrize("where", ["first", "all"])
def test_what_travels_fits_the_public_network(name, where):
    defense = KeyLock(where)
    network = locked(defense, name)
    public = defense.public(network)
    public.load_state_dict(defense.shared(network), strict=True)
    assert not any(isinstance(module, Lock) for module in public.modules())
    assert not any(buffer.shape == (1024,) for buffer in public.buffers())


def test_no_state_holds_the_key():
    values = key().reveal()
    assert not any(torch.equal(one, values) for one in locked().state_dict().values())


def test_chained_locks_take_the_lock_before_for_their_key():
    network = locked(KeyLock("all"), "resnet20")
    first, second = list(lock_values(network))[:2]
    lock = network.get_submodule(locks_of(network)[1])
    torch.testing.assert_close(second[0], torch.relu(lock.scale(torch.cat(first))).detach())


def test_locks_train_and_are_not_overwritten_by_the_server():
    defense = KeyLock(activation="sigmoid")
    mine, theirs = trained(locked(defense, seed=0)), trained(locked(defense, seed=1), 5)
    before = {name: mine.state_dict()[name].clone() for name in defense.withheld(mine)}
    fresh = locked(defense, seed=0).state_dict()
    assert all(not torch.equal(value, fresh[name]) for name, value in before.items())
    defense.adopt(mine, defense.shared(theirs))
    assert all(torch.equal(mine.state_dict()[name], value) for name, value in before.items())
    assert all(torch.equal(mine.state_dict()[name], v) for name, v in defense.shared(theirs).items())


def test_private_statistics_are_those_of_a_fresh_network_to_others():
    defense = KeyLock(buffers="private")
    network = trained(locked(defense))
    assert torch.equal(defense.public(network)[1].norm.running_mean, torch.zeros(12))
    assert network[1].norm.running_mean.any()


def test_a_state_that_names_a_lock_is_refused():
    defense, network = KeyLock(), locked()
    with pytest.raises(DefenseError, match="other tensors"):
        defense.adopt(network, network.state_dict())


def test_a_copy_of_a_locked_network_keeps_its_own_chain():
    network = locked(KeyLock("all"), "resnet20")
    other = copy.deepcopy(network)
    nn.init.zeros_(network.get_submodule(locks_of(network)[0]).scale.weight)
    changed, kept = (list(lock_values(one))[1][0] for one in (network, other))
    assert not torch.equal(changed, kept)


def test_the_seed_alone_decides_the_locks_and_without_one_nobody_does():
    first, second = (locked(seed=4).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    unknown = [KeyLock().locked(build("lenet_bn", SHAPE, 10, 0), key()).state_dict() for _ in range(2)]
    assert not torch.equal(unknown[0]["1.lock.scale.weight"], unknown[1]["1.lock.scale.weight"])


def test_torchs_own_generator_is_left_alone():
    before = torch.get_rng_state()
    locked()
    assert torch.equal(before, torch.get_rng_state())


def test_a_network_without_batch_normalisation_is_refused():
    with pytest.raises(DefenseError, match="lenet_bn"):
        KeyLock().locked(build("lenet", SHAPE, 10, 0), key())


def test_a_key_of_another_size_is_refused():
    with pytest.raises(DefenseError, match="a key of 8 elements for locks of 1024"):
        KeyLock().locked(build("lenet_bn", SHAPE, 10, 0), key(size=8))
