"""Gradient matching that starts from the closed form of the first linear layer."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from attacks.auxiliary import auxiliary_data
from attacks.base import Attack, Found
from attacks.canvas import GivenPixels
from attacks.checks import require_positive
from attacks.errors import NotApplicableError
from attacks.evidence import Evidence
from attacks.evidence.requirements import require_one_exact_example
from attacks.explained import unexplained
from attacks.linear import ClosedFormLinear, layer_inputs
from attacks.matching import GradientMatching
from attacks.model import Model
from attacks.priors import Box, Product, TotalVariation
from attacks.searches import LBFGS
from gradveil.exchange import Observation

_SEARCH = LBFGS(iterations=2000, history=100, stall_window=60, stall_ratio=1e-3)
"""On digits and ConvBig a window of 30 and a ratio of 1e-2 stop 20 dB earlier."""


def _closed_form() -> ClosedFormLinear:
    return ClosedFormLinear(Product((Box(), TotalVariation(1e-5))), _SEARCH, restarts=4)


@dataclass(frozen=True)
class FeatureMatching(Attack):
    """Fits an image to the first linear layer's input, which its gradient gives, then to all readings.

    For one example dW / db is that input, at every step of training and whatever a defense does to other
    layers. Where it cannot be read, or too little of it, matching starts as it does by itself; so it does
    where the image does not explain the readings, and then the better explanation counts.

    Attributes:
        matching: the last search; its view is the whole attack's. It is in float64 if an image was fitted.
        closed_form: from the layer's input to pixels.
        explained: residual, relative to the readings, at which no search begins elsewhere.

    Raises:
        AttackError: `explained` is not positive.

    Source: ours; the layer as Phong et al. 2018 (TIFS), example 3, the matching as Balunovic et al. 2022
        (ICLR), equation 4.
    """

    name: ClassVar[str] = "feature_matching"
    citation: ClassVar[str] = "ours; first linear layer as in Phong et al. 2018"

    matching: GradientMatching = field(default_factory=GradientMatching)
    closed_form: ClosedFormLinear = field(default_factory=_closed_form)
    explained: float = 1e-5

    def __post_init__(self) -> None:
        require_positive("explained", self.explained)

    @property
    def auxiliary_data(self) -> str:
        """What its parts were fitted to."""
        return auxiliary_data(self.matching, self.closed_form)

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """Features, pixels, all readings; then, if they are not explained, matching from elsewhere."""
        evidence = self.matching.view(observation, client, model)
        try:
            start = self._start(evidence, model, rng)
        except NotApplicableError:
            return self.matching.run(observation, model, client, rng)
        matching = replace(self.matching, canvas=start, restarts=1, double=True)
        found = matching.run(observation, model, client, rng)
        if unexplained(found, evidence, model).relative < self.explained:
            return found
        others = self.matching.run(observation, model, client, rng)
        return min((found, others), key=lambda one: one.objective)

    def _start(self, evidence: Evidence, model: Model, rng: torch.Generator) -> GivenPixels:
        """An image with the layer's input; NotApplicableError where less of that is known than pixels."""
        require_one_exact_example(evidence, "noise does not give the first linear layer's input")
        layer = model.linear_layers[0]
        features, known = layer_inputs(evidence, model, layer)
        if int(known.sum()) < torch.Size(model.input_shape).numel():
            raise NotApplicableError("fewer inputs of the first linear layer are known than there are pixels")
        image, _ = self.closed_form.pixels(features, known, layer, model, rng)
        return GivenPixels(given=image[None, None])
