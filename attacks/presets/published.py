"""Adversaries of the literature: compositions with their published settings and what was reported for them.

Weights of priors are converted to sums over pixels, as the parts of this package count; where a publication
states none that carries over, the docstring says what stands in.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attacks.annealing import Geometric
from attacks.evidence import Unpruned
from attacks.labelling import Joint
from attacks.likelihoods import Cosine, Density, Gaussian, Laplace, Likelihood, PruningMixture
from attacks.matching import GradientMatching
from attacks.presets.grad_inversion import GradInversion
from attacks.presets.record import Preset
from attacks.priors import Box, SquaredVariation, TotalVariation
from attacks.searches import LBFGS, Adam, Exponential, Milestones
from attacks.stage import Stage

_ANYWHERE = Box(weight=0.0)
"""The uniform prior of DLG, which does not even know the range of pixels."""


def dlg(iterations: int = 6000) -> GradientMatching:
    """Squared error, labels solved for beside the pixels, L-BFGS; published with 300 times 20 steps."""
    search = LBFGS(iterations, history=100)
    return GradientMatching(prior=_ANYWHERE, labelling=Joint(), stages=(Stage(search),))


def idlg(iterations: int = 6000) -> GradientMatching:
    """DLG with the label read off the last layer first."""
    search = LBFGS(iterations, history=100)
    return GradientMatching(prior=_ANYWHERE, stages=(Stage(search),), restarts=1)


def inverting_gradients(iterations: int = 4000) -> GradientMatching:
    """Cosine and total variation, signed Adam with steps of 0.1 that shrink three times, pixels in a box.

    The weight of the variation's mean was set for each experiment; 1e-4 of its sum is 0.3 of the mean over
    3x32x32, and breaching's configuration has 0.2.
    """
    search = Adam(iterations, 0.1, Milestones(), signed=True, box=(0.0, 1.0))
    prior = TotalVariation(1e-4)
    return GradientMatching(likelihood=Cosine(), prior=prior, stages=(Stage(search),), restarts=1)


def bayes_gaussian(iterations: int = 200) -> GradientMatching:
    """The Bayes adversary of normal noise, whose standard deviation is read from the observation."""
    return bayes(Gaussian(), iterations)


def bayes_laplace(iterations: int = 200) -> GradientMatching:
    """The Bayes adversary of Laplace noise."""
    return bayes(Laplace(), iterations)


def bayes_cosine(iterations: int = 200) -> GradientMatching:
    """The cosine, searched like the Bayes adversaries, which the same paper compares with it.

    Its concentration is about the squared norm over the variance of what is read at noise of 0.1.
    """
    return bayes(Cosine(kappa=3e4), iterations)


def bayes_pruning(
    iterations: int = 200,
    kept: NDArray[np.bool_] | None = None,
    noise: Density | None = None,
    probability: float = 0.5,
) -> GradientMatching:
    """The Bayes adversary of random pruning, then noise.

    Args:
        iterations: of Adam.
        kept: bool (P,), the coordinates that were not pruned, as the paper's adversary knows them; None: the
            mask is summed out.
        noise: normal unless given.
        probability: of pruning one coordinate, if the mask is unknown; 0.5 is the paper's.
    """
    noise = noise or Gaussian()
    if kept is None:
        return bayes(PruningMixture(probability, noise), iterations)
    return replace(bayes(noise, iterations), view=Unpruned(kept))


def bayes(likelihood: Likelihood, iterations: int = 200) -> GradientMatching:
    """The Bayes adversary of any likelihood: squared variation, annealed.

    The paper's code tunes all weights for each defense.

    Weight and decay did well on held-out digits in `benchmarks.leakage.bayes`. Annealing is the paper's; none
    did as well there.
    """
    search = Adam(iterations, 0.1, Exponential(0.985))
    return GradientMatching(
        likelihood=likelihood,
        prior=SquaredVariation(3.0),
        annealing=Geometric(0.1),
        stages=(Stage(search),),
        restarts=1,
    )


_BAYES = "Balunovic et al. 2022 (ICLR), Bayesian Framework for Gradient Leakage"

PUBLISHED: dict[str, Preset] = {
    "dlg": Preset(
        dlg,
        "squared error, joint soft labels, no prior, L-BFGS, 4 starts",
        "Zhu et al. 2019 (NeurIPS), Deep Leakage from Gradients",
        "label found for 89.9 % of MNIST, 83.3 % of CIFAR-100 images (Zhao et al. 2020, table 1)",
    ),
    "idlg": Preset(
        idlg,
        "squared error, inferred labels, no prior, L-BFGS, 1 start",
        "Zhao et al. 2020, iDLG: Improved Deep Leakage from Gradients",
        "label found for 100 % of MNIST, CIFAR-100 and LFW images (table 1)",
    ),
    "inverting_gradients": Preset(
        inverting_gradients,
        "cosine, total variation, signed Adam in the box",
        "Geiping et al. 2020 (NeurIPS), Inverting Gradients",
        "14.21 dB, one ImageNet image, ResNet-18 (breaching's notebook, 24,000 iterations)",
    ),
    "grad_inversion": Preset(
        GradInversion,
        "squared error, total variation, batch-normalisation statistics, 8 starts that should agree, Adam",
        "Yin et al. 2021 (CVPR), See through Gradients",
        "13.92 dB, one ImageNet image, ResNet-50 (breaching's notebook, 20,000 iterations)",
        "any readable coordinate; uses running statistics of batch normalisation",
    ),
    "bayes_gaussian": Preset(
        bayes_gaussian,
        "normal likelihood, squared variation, annealed, Adam",
        _BAYES,
        "19.5 dB under noise of 0.1 (figure of the authors' article; l2 19.9)",
        "any readable coordinate; uses the noise's standard deviation",
    ),
    "bayes_laplace": Preset(
        bayes_laplace,
        "Laplace likelihood, squared variation, annealed, Adam",
        _BAYES,
        "none for Laplace noise alone; 18.2 dB after known pruning (figure of the authors' article; l2 14.0)",
        "any readable coordinate; uses the noise's standard deviation",
    ),
    "bayes_cosine": Preset(
        bayes_cosine,
        "cosine, squared variation, annealed, Adam",
        _BAYES,
        "19.3 dB under noise of 0.1, 13.9 dB after pruning (figure of the authors' article)",
    ),
    "bayes_pruning": Preset(
        bayes_pruning,
        "mixture over an unknown pruning mask, or a known one; squared variation, annealed, Adam",
        _BAYES,
        "18.3 dB under known pruning and normal noise of 0.1 (figure of the authors' article; l2 14.4)",
        "any readable coordinate; one client; uses the mask if it is given",
    ),
}
"""By name."""
