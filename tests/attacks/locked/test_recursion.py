"""No key, and yet the image; what stays open is contrast, where the client normalises by its own example."""

import numpy as np
import pytest
import torch

from attacks import NotApplicableError
from attacks.locked import LockedRecursion
from attacks.nuisances import ChannelScaleShift
from gradveil.exchange import GaussianNoise
from gradveil.metrics import affinely_aligned, psnr
from tests.attacks.cases import CLIENT, coords_of, generator, images_of, network, seen
from tests.attacks.locked.clients import (
    SHAPE,
    attack,
    decibels,
    keyed,
    locked,
    moments,
    observed,
    public,
    update_of,
)


def aligned(found, image):
    return float(psnr(affinely_aligned(found.images, image.numpy()), image.numpy())[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [SHAPE, (3, *SHAPE[1:])], ids=["gray", "colour"])
def test_an_image_is_read_without_the_key(shape, seed):
    client = locked(seed=seed, shape=shape)
    model = public(client)
    image = images_of(model, seed=seed)
    found = attack(observed(client, model, image), model)
    assert decibels(found, image) > 70
    assert found.labels == (2,)
    assert found.objective < 1e-10


def test_dead_channels_of_a_relu_lock_do_not_save_a_gray_image():
    client = locked("relu")
    model = public(client)
    image = images_of(model)
    assert decibels(attack(observed(client, model, image), model), image) > 60


def test_the_batchs_own_statistics_leave_contrast_open():
    client = locked()
    model = public(client, "batch")
    image = 0.4 + 0.2 * images_of(model)
    found = attack(observed(client, model, image, train=True), model)
    assert decibels(found, image) < 25  # it fills the range, the truth does not
    assert aligned(found, image) > 45


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_moments_that_a_client_shares_close_it(activation):
    client = locked(activation)
    model = public(client, "batch")
    image = 0.4 + 0.2 * images_of(model)
    attacked = LockedRecursion(moments(client, image))
    observation = observed(client, model, image, train=True)
    found = attacked.reconstruct(observation, model, client=CLIENT, rng=generator())
    assert decibels(found, image) > 70
    assert "moments" in attacked.auxiliary_data


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_the_public_network_with_the_true_lock_explains_the_clients_gradient(batch_norm):
    """That the attack's model of a locked client is right, whatever it finds."""
    client = locked()
    model, truth = public(client, batch_norm), keyed(locked(), batch_norm)
    image, label = images_of(model), torch.tensor([2])
    scales, shifts = client[1].lock.scales_and_shifts()
    hidden = ChannelScaleShift("1.norm").hidden(torch.stack([scales, shifts])[None].detach())
    assumed = model.run(image[None], label[None], [hidden]).gradient.dense()[0]
    wanted = torch.from_numpy(update_of(client, model, image, 2, batch_norm == "batch").vector)
    assert truth.layout == model.layout
    torch.testing.assert_close(assumed.detach(), wanted, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(truth.gradient(image, label), wanted, rtol=1e-4, atol=1e-6)


def test_a_key_is_no_part_of_what_the_attack_is_given():
    """Another key with the same scales and shifts makes the same update, and the same reconstruction."""
    clients = locked(seed=0), locked(seed=0)
    lock = clients[1][1].lock
    with torch.no_grad():
        lock.key.neg_()
        lock.scale.weight.neg_()
        lock.shift.weight.neg_()
    model = public(clients[0])
    image = images_of(model)
    found = [attack(observed(client, model, image), model) for client in clients]
    assert found[0].images == pytest.approx(found[1].images, abs=1e-4)


def test_a_gradient_of_another_lock_needs_other_scales():
    image = images_of(public(locked()))
    results = []
    for seed in (0, 1):
        client = locked(seed=0)
        client[1].lock.load_state_dict(locked(seed=seed)[1].lock.state_dict())
        model = public(client)
        results.append(attack(observed(client, model, image), model))
    assert all(decibels(found, image) > 70 for found in results)


def test_half_of_the_coordinates_hide_nothing():
    client = locked()
    model = public(client)
    image = images_of(model)
    hidden = np.random.default_rng(0).permutation(model.layout.size)[: model.layout.size // 2]
    assert decibels(attack(observed(client, model, image, hidden=hidden), model), image) > 50


def test_the_encrypted_head_hides_the_image():
    client = locked()
    model = public(client)
    head = coords_of(model, *(name for name in model.layout.names if name.startswith("8.")))
    with pytest.raises(NotApplicableError):
        attack(observed(client, model, images_of(model), hidden=head), model)


def test_an_unlocked_network_is_refused():
    model = network("lenet_bn", SHAPE, 4)
    with pytest.raises(NotApplicableError, match="nothing is locked"):
        attack(seen(model, update_of(model.network, model, images_of(model), 2)), model)


def test_several_locks_are_refused():
    client = locked(where="all", name="resnet20")
    model = public(client)
    with pytest.raises(NotApplicableError, match="locked_matching"):
        attack(observed(client, model, images_of(model)), model)


def test_a_lock_in_front_of_a_residual_network_is_refused():
    client = locked(name="resnet20")
    model = public(client)
    with pytest.raises(NotApplicableError, match="matching"):
        attack(observed(client, model, images_of(model)), model)


def test_noise_is_refused():
    client = locked()
    model = public(client)
    noisy = seen(model, update_of(client, model, images_of(model), 2), noise=GaussianNoise(1.0))
    with pytest.raises(NotApplicableError, match="noise"):
        attack(noisy, model)
