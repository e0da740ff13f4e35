"""The average-pooled network of the Bayesian framework for gradient leakage."""

from torch import nn

from gradveil.exchange import GradveilError
from gradveil.models.normalisation import normalised

_DIGITS = ((0.1307,), (0.3081,))
_PHOTOS = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
"""Mean and standard deviation of MNIST and CIFAR-10, by channel."""

_STD_OF_TRUNCATED = 0.8796256610342398
"""Standard deviation of a standard normal variable cut off at two standard deviations."""


def bayes_cnn(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """`averaged_cnn` with inputs normalised as MNIST, or as CIFAR-10 where they have colours.

    Raises:
        GradveilError: an image side under 4.
    """
    return normalised(averaged_cnn(input_shape, classes), *(_DIGITS if input_shape[0] == 1 else _PHOTOS))


def averaged_cnn(input_shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Two averaged 3x3 convolutions and 100 hidden ReLUs, with the initial weights of flax.

    Weights are truncated normal of variance 1 / fan-in, biases zero.

    Raises:
        GradveilError: an image side under 4.

    Source: Balunovic et al. 2022 (ICLR), appendix and published code, `cnn`.
    """
    channels, height, width = input_shape
    if min(height, width) < 4:
        raise GradveilError("bayes_cnn needs images of 4 x 4 pixels or more; use larger ones")
    network = nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (height // 4) * (width // 4), 100),
        nn.ReLU(),
        nn.Linear(100, classes),
    )
    for module in network:
        if isinstance(module, nn.Conv2d | nn.Linear):
            _lecun_normal(module)
    return network


def _lecun_normal(module: nn.Conv2d | nn.Linear) -> None:
    std = module.weight[0].numel() ** -0.5 / _STD_OF_TRUNCATED
    nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
