"""The closed-form attack on a linear layer, and the way from its inputs back to pixels."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Found
from attacks.errors import NotApplicableError
from attacks.evidence import Evidence, readable
from attacks.evidence.requirements import require_one_example
from attacks.inversion import LayerDistance
from attacks.labels import restore_labels
from attacks.model import Model
from attacks.priors import Box, Prior, Product, TotalVariation
from attacks.searches import LBFGS, Search, ranked
from gradveil.exchange import Observation


@dataclass(frozen=True)
class ClosedFormLinear(Attack):
    """Divide weight by bias gradients of the first linear layer to get its input, exactly.

    dW = delta x^T and db = delta, so each readable pair (dW_ij, db_i) gives x_j = dW_ij / db_i; several
    rows are combined by least squares. If layers lie before, images are then fitted to these features.

    Attributes:
        prior: on images that are fitted.
        search: for these.
        restarts: of the search.
        inverts: whether images are fitted at all; if not, the first linear layer has to see the pixels.

    Source: Phong et al. 2018 (TIFS), example 3; Geiping et al. 2020 (NeurIPS), proposition 3.1.
    """

    name: ClassVar[str] = "closed_form"
    citation: ClassVar[str] = "Phong et al. 2018; Geiping et al. 2020, proposition 3.1"

    prior: Prior = field(default_factory=lambda: Product((Box(), TotalVariation(1e-4))))
    search: Search = field(default_factory=LBFGS)
    restarts: int = 1
    inverts: bool = True

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """Features in closed form, then pixels; needs one example and a readable bias gradient."""
        evidence = readable(observation, client, model)
        require_one_example(evidence)
        layer = model.linear_layers[0]
        if not (self.inverts or sees_pixels(model, layer)):
            raise NotApplicableError(
                f"layers lie before {layer}, so that its input is no image; match gradients"
            )
        features, known = layer_inputs(evidence, model, layer)
        labels = restore_labels(evidence, model)
        images, objective = self.pixels(features, known, layer, model, rng)
        found = labels[0] if len(labels) == 1 else None
        return Found(images[None].cpu().numpy(), found, evidence.clients, objective)

    def pixels(
        self, features: Tensor, known: Tensor, layer: str, model: Model, rng: torch.Generator
    ) -> tuple[Tensor, float]:
        """Image (*input_shape) with these layer inputs (d,) where known (d,), and how badly it fits them."""
        first = sees_pixels(model, layer)
        if first and bool(known.all()):
            return features.reshape(model.input_shape), 0.0
        starts = torch.rand(self.restarts, _pixel_count(model), generator=rng).to(model.device)
        weight = _FEATURE_WEIGHT / features[known].square().sum().clamp_min(1e-30)
        distance = LayerDistance(model, layer, features[None], (weight * known)[None], self.prior)
        points, objectives = self.search.minimise(distance, starts)
        best = int(ranked(objectives)[0])
        image = torch.where(known, features, points[best]) if first else points[best]
        return image.reshape(model.input_shape), float(objectives[best])


_FEATURE_WEIGHT = 1e4
"""Features are exact, so they outweigh the prior wherever they say anything."""


def layer_inputs(evidence: Evidence, model: Model, layer: str) -> tuple[Tensor, Tensor]:
    """Inputs (d,) of a linear layer and which of them are known (d,), from one example's gradient.

    Raises:
        NotApplicableError: no row has a readable, non-zero bias gradient and a readable weight gradient.
    """
    weight, bias, inputs = model.linear_parts(layer)
    values, mask = evidence.values, evidence.mask
    usable = mask[weight].reshape(-1, inputs) & mask[bias][:, None]
    delta = torch.where(usable, values[bias][:, None], 0.0).double()
    energy = delta.square().sum(0)
    known = energy > 0
    if not bool(known.any()):
        raise NotApplicableError("no readable pair of weight and bias gradient in the first linear layer")
    products = (delta * values[weight].reshape(-1, inputs)).sum(0)
    return torch.where(known, products / energy.clamp_min(1e-300), 0.0).float(), known


def _pixel_count(model: Model) -> int:
    return int(torch.Size(model.input_shape).numel())


def sees_pixels(model: Model, layer: str) -> bool:
    """Whether a layer's inputs are the pixels themselves, in their order; tested on a ramp image."""
    ramp = torch.linspace(0, 1, _pixel_count(model), device=model.device, dtype=model.dtype)
    return bool(torch.equal(model.inputs_of(layer, ramp.reshape(1, *model.input_shape)).flatten(), ramp))
