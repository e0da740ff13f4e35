"""R-GAP: from the logits back to the image by one linear system for each layer."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Found
from attacks.evidence import Evidence, completed
from attacks.evidence.requirements import require_one_exact_example
from attacks.exact.label import possible_labels
from attacks.exact.misfit import misfit
from attacks.exact.recursion.chain import Chain, chain_of
from attacks.exact.recursion.head import Head, heads_of
from attacks.exact.recursion.readings import constraints_on
from attacks.exact.recursion.system import Solution
from attacks.jacobian import Certificate
from attacks.jacobian.spectrum import UNIFORM_VARIANCE
from attacks.model import Model
from gradveil.exchange import Observation

_EXPLAINED = 1e-10
"""Squared error over squared readings at which no other head is tried."""


@dataclass(frozen=True)
class RGap(Attack):
    """One image, layer by layer from the last: inputs x from K x = vec(dW) and W x = z, in float64.

    K holds the derivatives of the loss at the layer's outputs, z are the outputs, both from the layer behind
    it through the inverse of the activation; what is encrypted of dW leaves K without these rows. The
    certificate's rank is the number of pixels less all directions that some layer's constraints do not
    see, a lower bound of the rank of the readings' Jacobian. If it is the number of pixels, the image is
    the only one there is; else each layer's shortest solution was taken.

    Source: Zhu and Blaschko 2021 (ICLR), sections 3.1 to 3.3; cross-entropy instead of the logistic loss.
    """

    name: ClassVar[str] = "rgap"
    citation: ClassVar[str] = "Zhu and Blaschko 2021 (ICLR), R-GAP"

    def run(self, observation: Observation, model: Model, client: str, rng: torch.Generator) -> Found:
        """The recursion from every head that explains the last layer, until one explains all readings.

        Raises:
            NotApplicableError: several examples, noise, another kind of network, or a last layer of which
                too much is hidden.
        """
        wide = model.double()
        evidence = completed(observation, client, wide)
        require_one_exact_example(
            evidence, "noise on the readings grows from layer to layer; use gradient matching"
        )
        chain = chain_of(wide)
        labels = possible_labels(observation, client, model)
        heads = heads_of(evidence, wide, chain, labels)
        return until_explained(_from_head(head, chain, evidence, wide) for head in heads)


def until_explained(attempts: Iterable[Found]) -> Found:
    """The best of one or more attempts; none is made after one that explains the readings."""
    found: list[Found] = []
    for attempt in attempts:
        found.append(attempt)
        if attempt.objective < _EXPLAINED:
            break
    return min(found, key=lambda one: one.objective)


def _from_head(head: Head, chain: Chain, evidence: Evidence, model: Model) -> Found:
    """One head's image, its relative squared error and its certificate."""
    solutions, _ = undone(head, chain, evidence, model)
    image = chain.entrance.image(solutions[-1].inputs.reshape(model.input_shape))
    labels = torch.tensor([[head.label]], device=model.device)
    error = float(misfit(image[None, None], labels, evidence, model)[0])
    pixels = image.numel()
    deficit = min(sum(one.deficit for one in solutions), pixels)
    variance = chain.entrance.gain * solutions[-1].variance + deficit / pixels * UNIFORM_VARIANCE
    certificate = Certificate(
        rank=pixels - deficit,
        dimension=pixels,
        relative_residual=math.sqrt(error),
        psnr=-10 * math.log10(max(variance, 1e-300)),
    )
    return Found(
        image[None].float().cpu().numpy(), (head.label,), evidence.clients, error, certificate, error
    )


def undone(head: Head, chain: Chain, evidence: Evidence, model: Model) -> tuple[list[Solution], Tensor]:
    """Inputs of all layers but the last, back to front, and the loss's gradient at those of the first one."""
    values, back = head.features, chain.layers[-1].sent_back(head.deltas[None])[0]
    solutions: list[Solution] = []
    for layer, activation in reversed(list(zip(chain.layers, chain.activations, strict=False))):
        known = torch.ones_like(values, dtype=torch.bool)
        constraints = constraints_on(layer, activation, values, known, back, evidence, model)
        solutions.append(constraints.solved())
        values, back = solutions[-1].inputs, layer.sent_back(constraints.signal[None])[0]
    return solutions, back
