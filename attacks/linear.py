"""The closed-form attack on a linear layer, and the way from its inputs back to pixels."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Found
from attacks.errors import NotApplicableError
from attacks.evidence import Evidence, readable
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

    Source: Phong et al. 2018 (TIFS), example 3; Geiping et al. 2020 (NeurIPS), proposition 3.1.
    """

    name: ClassVar[str] = "closed_form"
    citation: ClassVar[str] = "Phong et al. 2018; Geiping et al. 2020, proposition 3.1"

    prior: Prior = field(default_factory=lambda: Product((Box(), TotalVariation(1e-4))))
    search: Search = field(default_factory=LBFGS)
    restarts: int = 1

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """Features in closed form, then pixels; needs one example and a readable bias gradient."""
        evidence = readable(observation, client, model)
        if evidence.examples != 1:
            raise NotApplicableError("the sum mixes several examples; the ratio gives only their mixture")
        features, known = layer_inputs(evidence, model, model.linear_layers[0])
        labels = restore_labels(evidence, model)
        images, objective = self._pixels(features, known, model, rng)
        found = labels[0] if len(labels) == 1 else None
        return Found(images[None].cpu().numpy(), found, evidence.clients, objective)

    def _pixels(
        self, features: Tensor, known: Tensor, model: Model, rng: torch.Generator
    ) -> tuple[Tensor, float]:
        if features.numel() == _pixel_count(model) and _is_first_layer(model):
            return features.reshape(model.input_shape), 0.0
        starts = torch.rand(self.restarts, _pixel_count(model), generator=rng).to(model.device)
        weight = _FEATURE_WEIGHT / features[known].square().sum().clamp_min(1e-30)
        distance = LayerDistance(
            model, model.linear_layers[0], features[None], (weight * known)[None], self.prior
        )
        points, objectives = self.search.minimise(distance, starts)
        best = int(ranked(objectives)[0])
        return points[best].reshape(model.input_shape), float(objectives[best])


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


def _is_first_layer(model: Model) -> bool:
    """Whether the first linear layer sees the pixels themselves; tested on a ramp image."""
    ramp = torch.linspace(0, 1, _pixel_count(model), device=model.device)
    return bool(torch.equal(model.features(ramp.reshape(1, *model.input_shape)).flatten(), ramp))
