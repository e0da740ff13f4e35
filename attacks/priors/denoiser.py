"""A learned prior: an image is likely if a denoiser, trained on other images, leaves it as it is."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from attacks.checks import require_weight
from attacks.precision import in_own_type
from attacks.priors.base import Proposal


@dataclass(frozen=True, eq=False)
class Denoiser:
    """Regularisation by denoising: half of x^T (x - D(x)), summed over a row's images.

    The gradient of this value is x - (D(x) + J(x)^T x) / 2, with J the Jacobian of D; "exact" takes that, at
    the cost of a backward pass through D. If D is locally homogeneous and J symmetric, it is x - D(x), the
    gradient that the paper's algorithms use; "red" takes that with no backward pass, whatever D is. The
    networks of `train_denoiser` are locally homogeneous, J(x) x = D(x), since they have no biases, but their
    Jacobians are not symmetric (J v and J^T v differ by 30 to 50 % in norm): "red" is then the slope of
    no function at all, and the value only ranks the iterates.

    The value has no lower bound unless no eigenvalue of J exceeds 1, and "exact" finds where it falls: on
    eight noisy updates of digits, each with its best weight, "red" came to 12.6 dB and "exact" to 10.4. Keep
    a `Box` beside it. Second-order searches see no curvature in "red".

    Attributes:
        network: D, from images (N, C, H, W) to images, in eval mode and on the model's device.
        weight: inverse variance of the noise that the prior stands for.
        gradient: which one.

    Source: Romano et al. 2017 (RED); Reehorst and Schniter 2019, section III, on when the
        two gradients agree.
    """

    auxiliary_data: ClassVar[str] = "images that a denoiser was trained on"

    network: nn.Module
    weight: float
    gradient: Literal["red", "exact"] = "red"

    def __post_init__(self) -> None:
        require_weight(self.weight)

    def negative_log(self, proposal: Proposal) -> Tensor:
        """Weighted half inner product of images and what the denoiser takes off them, (R,)."""
        images = proposal.images
        flat = images.flatten(0, 1)
        if self.gradient == "exact":
            return self._half_inner(images, flat - in_own_type(self.network, flat))
        removed = flat.detach() - in_own_type(self.network, flat.detach())
        value = self._half_inner(images.detach(), removed.detach())
        slope = 2 * self._half_inner(images - images.detach(), removed.detach())
        return value + slope

    def _half_inner(self, images: Tensor, removed: Tensor) -> Tensor:
        products = images * removed.reshape(images.shape)
        return 0.5 * self.weight * products.flatten(1).sum(1)
