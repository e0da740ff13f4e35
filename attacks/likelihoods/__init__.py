"""What the adversary believes about the noise between the true gradient and what it read."""

from attacks.likelihoods.base import Density, Likelihood, SumOfSquares
from attacks.likelihoods.cosine import Cosine
from attacks.likelihoods.gaussian import Gaussian
from attacks.likelihoods.laplace import Laplace
from attacks.likelihoods.pruning import PruningMixture
from attacks.likelihoods.weighted import LayerWeighted

__all__ = [
    "Cosine",
    "Density",
    "Gaussian",
    "Laplace",
    "LayerWeighted",
    "Likelihood",
    "PruningMixture",
    "SumOfSquares",
]
