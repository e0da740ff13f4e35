"""What the adversary believes about the noise between the true gradient and what it read."""

from attacks.likelihoods.base import Comparing, Density, Likelihood, SumOfSquares
from attacks.likelihoods.clipped import Clipped
from attacks.likelihoods.cosine import Cosine
from attacks.likelihoods.gaussian import Gaussian
from attacks.likelihoods.gridded import Gridded, grid_deviation
from attacks.likelihoods.laplace import Laplace
from attacks.likelihoods.largest import LargestRead
from attacks.likelihoods.orthogonal import Orthogonal
from attacks.likelihoods.pruning import PruningMixture
from attacks.likelihoods.signs import Signs
from attacks.likelihoods.stand_in import FirstStep
from attacks.likelihoods.weighted import LayerWeighted

__all__ = [
    "Clipped",
    "Comparing",
    "Cosine",
    "Density",
    "FirstStep",
    "Gaussian",
    "Gridded",
    "Laplace",
    "LargestRead",
    "LayerWeighted",
    "Likelihood",
    "Orthogonal",
    "PruningMixture",
    "Signs",
    "SumOfSquares",
    "grid_deviation",
]
