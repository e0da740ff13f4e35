"""Through a normalisation backwards, and moments out of buffers."""

import pytest
import torch
from torch import nn

from attacks import AttackError
from attacks.locked import batch_moments
from attacks.locked.normalised import Behind
from attacks.priors import Moments


def behind(channels=5, positions=30, seed=0):
    """What lies behind a lock, with the convolution's outputs, gradient there, scales and shifts."""
    rng = torch.Generator().manual_seed(seed)
    outputs = torch.randn(1, channels, positions, generator=rng).double() * 0.3 + 1
    scales, shifts = (torch.rand(channels, generator=rng).double() + 0.1 for _ in range(2))
    outputs.requires_grad_()
    normalised = nn.functional.batch_norm(outputs, None, None, training=True, eps=1e-5)
    arguments = normalised * scales[:, None] + shifts[:, None]
    signal = torch.randn(arguments.shape, generator=rng).double()
    (back,) = torch.autograd.grad(arguments, outputs, signal)
    known = torch.ones(channels, positions, dtype=torch.bool)
    found = Behind(arguments[0].detach(), known, signal[0], known.double())
    return found, outputs.detach()[0], back[0], scales


def test_the_gradient_before_the_normalisation_is_autograds():
    found, outputs, back, scales = behind()
    variance = outputs.var(1, correction=0, keepdim=True)
    before = found.before(variance / (variance + 1e-5))
    wanted = back * (variance + 1e-5).sqrt() / scales[:, None]
    torch.testing.assert_close(before, wanted)


def test_moments_give_scales_and_shifts():
    found, outputs, _, _ = behind()
    moments = Moments(outputs.mean(1), outputs.var(1, correction=0))
    anchors = found.anchors(moments, torch.zeros(5))
    made = anchors.scales[:, None] * found.arguments + anchors.shifts[:, None]
    torch.testing.assert_close(made, outputs)


def readings(back):
    """Gradients (1, O T) that signals (O, Q) before the normalisation leave in weights of three taps."""
    seen = torch.randn(back.shape[1], 3, generator=torch.Generator().manual_seed(1)).double()
    gradient = (back @ seen).reshape(1, -1)
    return gradient, torch.ones_like(gradient)


def test_a_channel_of_next_to_no_scale_is_dead_though_errors_spread_it():
    found, _, _, scales = behind()
    noise = 1e-3 * torch.randn(found.arguments.shape[1], generator=torch.Generator().manual_seed(2))
    found.arguments[2] = 0.7 + noise.double()
    scales[2] = 1e-9
    signal = found.signal
    gradient, read = readings(scales[:, None] * signal)
    strengths = found.strengths(signal, gradient, read)
    assert (strengths > 0).tolist() == [True, True, False, True, True]
    assert float(strengths.max()) == 1


def test_where_no_gradient_is_read_the_spread_tells():
    found, *_ = behind()
    found.arguments[2] = 0.7
    nothing = torch.zeros(1, 15).double()
    assert found.strengths(found.signal, nothing, nothing).tolist() == [1, 1, 0, 1, 1]


@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0])
def test_moments_of_a_step_are_in_the_buffers(momentum):
    layer = nn.BatchNorm2d(3, momentum=momentum, affine=False)
    values = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 + 1
    before = Moments(layer.running_mean.clone(), layer.running_var.clone())
    layer(values)
    found = batch_moments(before, Moments(layer.running_mean, layer.running_var), momentum, 32)
    torch.testing.assert_close(found.mean, values.double().mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    wanted = values.double().var((0, 2, 3), correction=0)
    torch.testing.assert_close(found.variance, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("momentum", "values"), [(0.1, 1), (0.0, 32), (1.5, 32)])
def test_void_moments_are_refused(momentum, values):
    same = Moments(torch.zeros(3), torch.ones(3))
    with pytest.raises(AttackError, match="two values a channel"):
        batch_moments(same, same, momentum, values)
