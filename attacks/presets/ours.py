"""Our own adversaries, and the baselines that every audit has."""

from dataclasses import replace

from attacks.evidence import readable, zero_filled
from attacks.guess import Guess
from attacks.likelihoods import Gaussian
from attacks.linear import ClosedFormLinear
from attacks.matching import GradientMatching, Stage
from attacks.presets.record import Preset
from attacks.priors import Box, Product, TotalVariation
from attacks.searches import LBFGS, LevenbergMarquardt

_SEARCH, _LONG_SEARCH = LBFGS(iterations=1000, history=100), LBFGS(iterations=2000, history=100)
"""On 3x32x32 images 400 iterations give 20 dB, 1000 give 35, 2000 give 50; easy searches stop earlier."""


def mask_aware() -> GradientMatching:
    """Matches the readable coordinates only; the adversary that a selective defense really faces."""
    return GradientMatching(
        view=readable,
        prior=Product((Box(), TotalVariation(1e-2))),
        stages=(Stage(LBFGS(iterations=30), keep=1), Stage(_SEARCH)),
    )


def mask_naive() -> GradientMatching:
    """Matches zeros where the update is encrypted, as FedML's and FedML-HE's evaluations do."""
    return replace(mask_aware(), view=zero_filled)


def second_order() -> GradientMatching:
    """Goes on from a first-order search by Levenberg-Marquardt, and says if the result must be right.

    Candidates for the label are told apart by a whole search each: a short one often prefers a wrong label.
    """
    stages = (
        Stage(LBFGS(iterations=30), keep=4),
        Stage(_LONG_SEARCH, keep=1),
        Stage(LevenbergMarquardt(), likelihood=Gaussian(resolution=1e-7)),
    )
    return replace(mask_aware(), stages=stages, certify=True)


OURS: dict[str, Preset] = {
    "closed_form": Preset(
        ClosedFormLinear,
        "dW / db of the first linear layer, then pixels fitted to these features",
        ClosedFormLinear.citation,
        "exact features (proposition 3.1)",
        "one example in the sum, a readable bias gradient",
    ),
    "mask_naive": Preset(
        mask_naive,
        "as mask_aware, but hidden coordinates are targets of zero",
        "as published evaluations of selective encryption do it (FedML, FedML-HE)",
        "nothing found once the largest 10 % are encrypted",
        "something hidden, something readable",
    ),
    "mask_aware": Preset(
        mask_aware,
        "normal errors on readable coordinates, box and total variation, L-BFGS, 4 starts",
        "Balunovic et al. 2022; Zhu et al. 2019",
        "35.5 dB, DLG's LeNet, CIFAR-10, nothing encrypted (facts, 800 iterations)",
    ),
    "second_order": Preset(
        second_order,
        "mask_aware, then Levenberg-Marquardt with errors of float32's size; certified",
        "Nielsen 1999; ours",
        "no publication uses second order in the pixels",
        "at most 4,096 pixels, a rule for every layer's gradient",
    ),
    "guess": Preset(Guess, "mid-gray", Guess.citation, "0 bits", "nothing"),
}
"""By name, cheapest first."""
