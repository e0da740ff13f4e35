"""Adversaries who do not know the defense, for one who does to start from what they find."""

from collections.abc import Mapping
from dataclasses import replace

from attacks import Attack, ClosedFormLinear
from attacks.matching import GradientMatching
from attacks.presets import mask_aware, rank_one_completion, separated_matching
from attacks.presets.published import bayes
from attacks.priors import Box, Product, TotalVariation
from gradveil.exchange import Noise

NATURAL = Product((Box(), TotalVariation(3.0)))
"""What is believed of images where readings have errors, so that a prior matters; weight as for `Sign`."""


def helpers(
    matching: GradientMatching, search: Attack, incomplete: bool, noise: Noise | None, batch: int
) -> Mapping[str, Attack]:
    """Cheapest first: the closed form, who knows the noise's density, who knows nothing.

    Args:
        matching: the search that knows the defense.
        search: the same with a defense's secrets, if it has any.
        incomplete: whether readings are the gradient's own values, and some of them are hidden.
        noise: of the defense.
        batch: examples of a client; several are told apart first.
    """
    found: dict[str, Attack] = {"closed_form": ClosedFormLinear()}
    if noise is not None:
        found["bayes"] = replace(bayes(matching.likelihood), view=matching.view, labelling=matching.labelling)
    if search != replace(mask_aware(), double=True):
        found["mask_aware"] = mask_aware()
    if incomplete:
        found["rank_one_completion"] = rank_one_completion()
    if batch > 1:
        found["separated_matching"] = separated_matching()
    return found
