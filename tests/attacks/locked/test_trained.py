"""What training does to a locked network: closed and saturated channels, certain predictions; a control."""

import pytest
import torch

from attacks import NotApplicableError
from attacks.locked import LockedRecursion
from tests.attacks.cases import CLIENT, generator, images_of
from tests.attacks.locked.clients import attack, decibels, locked, observed, public


def test_saturated_activations_do_not_spoil_the_layers_before():
    """As in trained networks: values near zero or one have arguments that float32 readings do not tell."""
    client = locked()
    with torch.no_grad():
        client[3].weight.mul_(10)  # the convolution behind the lock
    model = public(client)
    image = images_of(model)
    observation = observed(client, model, image)
    saturated = client[:5].eval()(image)
    assert float(((saturated < 1e-6) | (saturated > 1 - 1e-6)).float().mean()) > 0.1
    assert decibels(attack(observation, model), image) > 30  # 46, and 5 if all values count alike


def scaled_locks(client, factors):
    """Sets a client's scales to these times what they are, as training sets them: next to nothing, or one."""
    with torch.no_grad():
        lock = client[1].lock
        scales = lock.scales_and_shifts()[0] * torch.tensor(factors)
        lock.scale.weight.zero_()
        lock.scale.bias.copy_(scales.logit())
    return client


def test_channels_that_a_lock_has_all_but_closed_do_not_spoil_the_others():
    """Errors of the layers behind spread their values as much as a scale of 1e-9 does."""
    client = scaled_locks(locked(), [1e-9, 1.0] * 6)
    with torch.no_grad():
        client[3].weight.mul_(10)  # so that there are such errors
    model = public(client)
    image = images_of(model)
    assert decibels(attack(observed(client, model, image), model), image) > 40


def test_a_certain_prediction_is_no_shelter():
    """In float32, p - 1 of the right class has lost digits, so that it is taken as the client sent it."""
    client = locked()
    model = public(client)
    image = images_of(model)
    with torch.no_grad():
        logits = client.eval()(image)[0]
        client[8].bias[2] += 9 + logits.max() - logits[2]
        uncertain = 1 - float(client(image).double().softmax(1)[0, 2])
    model = public(client)
    assert 1e-5 < uncertain < 1e-3
    assert decibels(attack(observed(client, model, image), model), image) > 100  # 67 if p - 1 were exact


def test_the_true_lock_is_a_control():
    client = locked()
    model = public(client)
    image = 0.4 + 0.2 * images_of(model)
    lock = torch.stack(client[1].lock.scales_and_shifts()).detach()
    stolen, guessed = LockedRecursion(lock=lock), LockedRecursion(lock=torch.ones_like(lock))
    observation = observed(client, model, image)
    right, wrong = (
        one.reconstruct(observation, model, client=CLIENT, rng=generator()) for one in (stolen, guessed)
    )
    assert decibels(right, image) > 70
    assert decibels(wrong, image) < 25
    assert "lock" in stolen.auxiliary_data


def test_a_lock_says_nothing_of_an_examples_own_statistics():
    client = locked()
    model = public(client, "batch")
    observation = observed(client, model, images_of(model), train=True)
    with pytest.raises(NotApplicableError, match="give its moments"):
        LockedRecursion(lock=torch.ones(2, 12)).reconstruct(
            observation, model, client=CLIENT, rng=generator()
        )
