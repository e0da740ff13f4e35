"""The first linear layer's inputs and deltas, even where no bias gradient is readable."""

from math import log10

import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.errors import NotApplicableError
from attacks.evidence import Evidence
from attacks.labels import LabelCandidates
from attacks.model import Model
from attacks.model.recording import changed

_GRID, _ZOOMS = 256, 8
"""Scales tried at once between two bounds, and how often the bounds close in around the best."""

_RANGE = 1e-4, 1e4
"""Bounds of the inputs' norm to begin with."""

_FITS = 1e-3
"""Relative error of the deltas that tells a scale from a local minimum; readings have float32's precision."""


def factors(evidence: Evidence, model: Model, layer: str, labels: LabelCandidates) -> tuple[Tensor, Tensor]:
    """Inputs h (n,) and deltas (m,) of a linear layer with dW = delta h^T, from its completed readings.

    Without any readable bias the weights give h only up to its norm s. The layers behind know it: for the
    right s, and the right label, the deltas that they send back are those of the weight gradient.

    Args:
        evidence: of one example, completed.
        model: the public network.
        layer: name of the layer, with a bias.
        labels: candidates for the label of the example.

    Raises:
        NotApplicableError: entries that the readings do not determine, zeros only, or no label that fits.
    """
    weight, bias, width = model.linear_parts(layer)
    matrix = evidence.values[weight].reshape(-1, width)
    norms = matrix.norm(dim=1)
    if not bool(evidence.mask[weight].all()) or not bool(norms.any()):
        raise NotApplicableError(f"too much of {layer} is hidden; use gradient matching")
    unit = matrix[norms.argmax()] / norms.max()
    products = matrix @ unit
    read = evidence.mask[bias] & (products != 0)
    if bool(read.any()):
        seen = products * read
        scale = seen @ products / (seen @ evidence.values[bias])
    else:
        scale = _norm(products, unit, model, layer, labels)
    return scale * unit, products / scale


def _norm(products: Tensor, unit: Tensor, model: Model, layer: str, labels: LabelCandidates) -> Tensor:
    """The norm of the inputs at which the head sends the deltas back that the products ask for."""
    found = [_closest(products, unit, model, layer, label) for (label,) in labels]
    error, scale = min(found, key=lambda one: float(one[0]), default=(products.new_tensor(torch.inf), unit))
    if not float(error) < _FITS:
        raise NotApplicableError(f"no bias of {layer} is readable and no scale fits; use gradient matching")
    return scale


def _closest(products: Tensor, unit: Tensor, model: Model, layer: str, label: int) -> tuple[Tensor, Tensor]:
    """The relative error of the best scale under one label, and that scale; both signs of the unit vector."""
    best = products.new_tensor(torch.inf), products.new_tensor(1.0)
    for sign in (1.0, -1.0):
        low, high = _RANGE
        for _ in range(_ZOOMS):
            scales = sign * torch.logspace(log10(low), log10(high), _GRID, dtype=torch.float64).to(products)
            deltas = _sent_back(scales[:, None] * unit, model, layer, label)
            errors = (scales[:, None] * deltas - products).norm(dim=1) / products.norm()
            at = int(errors.argmin())
            low, high = (abs(float(scales[min(max(k, 0), _GRID - 1)])) for k in (at - 1, at + 1))
            best = min(best, (errors[at], scales[at]), key=lambda one: float(one[0]))
    return best


def _sent_back(inputs: Tensor, model: Model, layer: str, label: int) -> Tensor:
    """Gradients (N, m) of the loss with respect to a linear layer's outputs for inputs (N, n)."""
    weight, bias = (model.parameters[f"{layer}.{part}"] for part in ("weight", "bias"))
    outputs = (inputs @ weight.mT + bias).requires_grad_()
    image = torch.zeros(1, *model.input_shape, device=model.device, dtype=model.dtype)
    with changed(model.network, {layer: lambda _: outputs}):
        logits = model.logits(image)
    target = torch.full((len(inputs),), label, device=model.device)
    (deltas,) = torch.autograd.grad(F.cross_entropy(logits, target, reduction="sum"), outputs)
    return deltas
