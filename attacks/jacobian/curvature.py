"""The Gauss-Newton matrix of a posterior whose likelihood is a weighted sum of squares."""

from torch import Tensor

from attacks.errors import NotApplicableError
from attacks.gradients import Targets
from attacks.jacobian.forward_mode import hessian
from attacks.jacobian.gram import DENSE, affordable, gram
from attacks.likelihoods import Likelihood, SumOfSquares
from attacks.model import Model
from attacks.priors import Prior, Proposal


def gauss_newton(
    model: Model, images: Tensor, labels: Tensor, targets: Targets, likelihood: Likelihood, prior: Prior
) -> Tensor:
    """Gauss-Newton matrix of the likelihood plus the prior's Hessian, (d, d), float64, at one batch.

    Args:
        model: a network whose layers all have rules.
        images: (B, *input_shape), d numbers in all.
        labels: (B,), or class probabilities (B, classes).
        targets: readings of one victim.
        likelihood: p(observation | gradient).
        prior: p(x), on pixels alone.
    """
    squares = require_gauss_newton(model, images.numel(), likelihood)
    weighted, precision = squares.squares(targets)

    def belief(pixels: Tensor) -> Tensor:
        return prior.negative_log(Proposal(pixels.reshape(1, *images.shape)))[0]

    believed: Tensor = hessian(belief)(images.flatten())
    return gram(model, images, labels, weighted) * precision.double() + believed.double()


def require_gauss_newton(model: Model, pixels: int, likelihood: Likelihood) -> SumOfSquares:
    """The likelihood, if there is a Gauss-Newton matrix for it.

    Raises:
        NotApplicableError: the likelihood is no sum of squares, or the matrix is not affordable.
    """
    if not isinstance(likelihood, SumOfSquares):
        raise NotApplicableError(f"{type(likelihood).__name__} is no sum of squares; search it with LBFGS")
    if not affordable(model, pixels):
        raise NotApplicableError(
            f"needs at most {DENSE} pixels and a rule for each layer's gradient; search with LBFGS"
        )
    return likelihood
