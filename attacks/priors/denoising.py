"""Training a small convolutional denoiser on other images than the victim's."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from attacks.checks import require_positive
from attacks.errors import AttackError


@dataclass(frozen=True)
class DenoiserSettings:
    """Size of the network and how it is trained.

    Attributes:
        depth: number of 3 x 3 convolutions, at least two.
        width: channels between them.
        noise_std: of the strongest noise to be removed; each image gets a level drawn uniformly below it.
        epochs: passes over the images.
        batch: images of a step.
        learning_rate: of Adam.
    """

    depth: int = 5
    width: int = 32
    noise_std: float = 0.5
    epochs: int = 10
    batch: int = 8
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        if self.depth < 2 or min(self.width, self.epochs, self.batch) < 1:
            raise AttackError("a denoiser needs two convolutions, and one channel, epoch and image at least")
        require_positive("noise_std", self.noise_std)
        require_positive("learning_rate", self.learning_rate)


class BiasFreeDenoiser(nn.Module):
    """Images minus the noise that a chain of 3 x 3 convolutions with ReLUs, and no biases, sees in them.

    Without biases it is homogeneous, D(a x) = a D(x) for a > 0: one network serves all noise levels.

    Source: Zhang et al. 2017 (DnCNN), without its batch normalisation; Mohan et al. 2020 (ICLR).
    """

    def __init__(self, channels: int, settings: DenoiserSettings, rng: torch.Generator) -> None:
        super().__init__()
        widths = [channels, *[settings.width] * (settings.depth - 1), channels]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [_convolution(before, after, rng), nn.ReLU()]
        self.noise = nn.Sequential(*layers[:-1])

    def forward(self, images: Tensor) -> Tensor:
        """Denoised images (N, C, H, W)."""
        denoised: Tensor = images - self.noise(images)
        return denoised


def train_denoiser(
    images: Tensor, rng: torch.Generator, settings: DenoiserSettings | None = None
) -> BiasFreeDenoiser:
    """A denoiser with fixed weights, trained for the least squared error; the same for the same generator.

    Args:
        images: auxiliary images (N, C, H, W), where the network is to live.
        rng: a CPU generator, for first weights, order and noise.
        settings: the defaults if there are none.

    Raises:
        AttackError: there is no image.
    """
    if images.ndim != 4 or not len(images):
        raise AttackError(f"images {tuple(images.shape)} cannot train a denoiser; give some, (N, C, H, W)")
    settings = settings or DenoiserSettings()
    network = BiasFreeDenoiser(images.shape[1], settings, rng).to(images)
    steps = settings.epochs * -(-len(images) // settings.batch)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(settings.epochs):
        for chosen in torch.split(torch.randperm(len(images), generator=rng), settings.batch):
            _step(network, images[chosen.to(images.device)], settings.noise_std, optimiser, rng)
            schedule.step()
    return network.eval().requires_grad_(False)


def _step(
    network: BiasFreeDenoiser,
    clean: Tensor,
    noise_std: float,
    optimiser: torch.optim.Optimizer,
    rng: torch.Generator,
) -> None:
    level = noise_std * torch.rand(len(clean), 1, 1, 1, generator=rng)
    noise = (level * torch.randn(clean.shape, generator=rng)).to(clean)
    optimiser.zero_grad()
    loss = (network(clean + noise) - clean).square().mean()
    loss.backward()
    optimiser.step()


def _convolution(before: int, after: int, rng: torch.Generator) -> nn.Conv2d:
    with torch.device("meta"):
        layer = nn.Conv2d(before, after, 3, padding=1, bias=False)
    layer.to_empty(device="cpu")
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
    return layer
