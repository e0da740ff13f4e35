"""The Gauss-Newton matrix of a posterior whose likelihood is a weighted sum of squares."""

from torch import Tensor

from attacks.errors import NotApplicableError
from attacks.gradients import Targets
from attacks.jacobian.forward_mode import hessian
from attacks.jacobian.gram import gram
from attacks.likelihoods import Likelihood, SumOfSquares
from attacks.model import Model
from attacks.priors import Prior, Proposal


def gauss_newton(
    model: Model, images: Tensor, labels: Tensor, targets: Targets, likelihood: Likelihood, prior: Prior
) -> Tensor:
    """Gauss-Newton matrix of the likelihood plus the prior's Hessian, (d, d), float64, at one batch.

    Args:
        model: a network whose layers all have rules (`affordable`); for others there are `Products`.
        images: (B, *input_shape), d numbers in all.
        labels: (B,), or class probabilities (B, classes).
        targets: readings of one victim.
        likelihood: p(observation | gradient).
        prior: p(x), on pixels alone.
    """
    weighted, precision = squares_of(likelihood).squares(targets)

    def belief(pixels: Tensor) -> Tensor:
        return prior.negative_log(Proposal(pixels.reshape(1, *images.shape)))[0]

    believed: Tensor = hessian(belief)(images.flatten())
    return gram(model, images, labels, weighted) * precision.double() + believed.double()


def squares_of(likelihood: Likelihood) -> SumOfSquares:
    """The likelihood, if there is a Gauss-Newton matrix for it.

    Raises:
        NotApplicableError: the likelihood is no sum of squares.
    """
    if not isinstance(likelihood, SumOfSquares):
        raise NotApplicableError(f"{type(likelihood).__name__} is no sum of squares; search it with LBFGS")
    return likelihood
