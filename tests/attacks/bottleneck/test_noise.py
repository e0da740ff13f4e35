"""The noise of one example is in the gradient, where both layers are readable."""

import pytest
import torch

from attacks import AttackError, NotApplicableError
from attacks.bottleneck import Bottleneck, bottleneck_of, noise_read
from attacks.evidence import readable
from gradveil.exchange import GaussianNoise
from tests.attacks.bottleneck.clients import CLASSES, SIZE, dense, model, observed
from tests.attacks.cases import CLIENT, coords_of, images_of, mlp

ENCODER, DECODER = "3.bottleneck.encoder", "3.bottleneck.decoder"


def read(public, observation):
    return noise_read(readable(observation, CLIENT, public), public, bottleneck_of(public))


@pytest.mark.parametrize("public", [model(), dense()], ids=["convolution", "linear"])
def test_noise_is_read_off_two_layers(public):
    noise = torch.randn(1, SIZE, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(
        read(public, observed(public, images_of(public), [2]))[0], noise, atol=1e-4, rtol=1e-4
    )


def test_the_bottleneck_is_before_the_last_layer_unless_it_is_named():
    assert bottleneck_of(model()) == Bottleneck(ENCODER, DECODER) == bottleneck_of(model(), ENCODER)


def test_other_layers_are_no_bottleneck():
    with pytest.raises(NotApplicableError, match="fewer than three"):
        bottleneck_of(mlp())
    with pytest.raises(NotApplicableError, match="does not put out"):
        bottleneck_of(dense(), "3")
    for name in ("nowhere", "3.layer"):
        with pytest.raises(AttackError, match="name the encoder"):
            bottleneck_of(model(), name)


def test_several_examples_noise_and_hidden_layers_leave_it_open():
    public = model()
    image = images_of(public)
    with pytest.raises(NotApplicableError, match="several examples"):
        read(public, observed(public, images_of(public, 2), [0, 1]))
    with pytest.raises(NotApplicableError, match="solve for it instead"):
        read(public, observed(public, image, [2], noise=GaussianNoise(0.1)))
    hidden = coords_of(public, f"{ENCODER}.bias", f"{DECODER}.bias")
    with pytest.raises(NotApplicableError, match="no readable pair"):
        read(public, observed(public, image, [2], hidden))
    columns = coords_of(public, f"{DECODER}.weight").reshape(-1, SIZE)[:, 0]
    with pytest.raises(NotApplicableError, match="hidden in part"):
        read(public, observed(public, image, [2], columns))
    assert public.classes == CLASSES
