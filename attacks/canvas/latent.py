"""Images made by a generator from a point in its latent space."""

import copy
from typing import ClassVar

import torch
from torch import Tensor, nn

from attacks.checks import require_weight
from attacks.errors import AttackError
from attacks.gradients.rows import by_row
from attacks.model import Model
from attacks.precision import in_own_type
from attacks.priors import PrincipalAxes


class Latent:
    """Every image is what a fixed generator makes of a standard normal vector; the vectors are sought.

    Only images that the generator can make are found, whatever was read.

    Args:
        generator: from vectors (N, *shape) to images (N, C, H, W), on the model's device; a copy in eval mode
            is kept.
        shape: of one vector.
        weight: of the standard normal prior on vectors; 1 for the density itself, 0 for none.

    Source: Jeon et al. 2021 (GIAS), its search over latent vectors; Li et al. 2022 (GGL), which adds a belief
        about them.
    """

    auxiliary_data: ClassVar[str] = "images that a generator was fitted to"

    def __init__(self, generator: nn.Module, shape: tuple[int, ...], weight: float = 1.0) -> None:
        require_weight(weight)
        self.generator = copy.deepcopy(generator).eval().requires_grad_(False)
        self.shape = shape
        self.weight = weight

    def start(self, rows: int, examples: int, model: Model, rng: torch.Generator) -> Tensor:
        """Standard normal vectors (R, B, *shape).

        Raises:
            AttackError: the generator makes images of another shape than the model takes.
        """
        values = torch.randn(rows, examples, *self.shape, generator=rng).to(model.device, model.dtype)
        with torch.no_grad():
            made = tuple(in_own_type(self.generator, values[0, :1]).shape[1:])
        if made != tuple(model.input_shape):
            raise AttackError(f"the generator makes images {made}; the model takes {model.input_shape}")
        return values

    def images(self, values: Tensor) -> Tensor:
        """Images (R, B, C, H, W) of vectors (R, B, *shape)."""
        return by_row(in_own_type(self.generator, values.flatten(0, 1)), len(values))

    def negative_log(self, values: Tensor) -> Tensor:
        """Weighted half squared lengths of a row's vectors, (R,)."""
        return 0.5 * self.weight * values.square().flatten(1).sum(1)


class LinearGenerator(nn.Module):
    """A mean image plus principal images times the coordinates of a vector, in standard deviations."""

    mean: Tensor
    scaled: Tensor

    def __init__(self, density: PrincipalAxes, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", density.mean)
        self.register_buffer("scaled", density.variances.sqrt()[:, None] * density.axes)

    def forward(self, vectors: Tensor) -> Tensor:
        """Images (N, *shape) of vectors (N, k)."""
        return (self.mean + vectors @ self.scaled).reshape(-1, *self.shape)


def principal_images(images: Tensor, rank: int) -> Latent:
    """A canvas of auxiliary images' (N, C, H, W) first principal components.

    Under it the standard normal prior on vectors is the fitted normal density of images, restricted to the
    plane of its axes.

    Raises:
        AttackError: the rank does not fit the images.
    """
    density = PrincipalAxes.fitted(images.flatten(1), rank)
    return Latent(LinearGenerator(density, tuple(images.shape[1:])), (rank,))
