"""Where the recursion begins: the last layer's inputs and the loss's derivative at the logits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from attacks.errors import NotApplicableError
from attacks.evidence import Evidence, tensor_read
from attacks.exact.linear import input_direction
from attacks.exact.recursion.chain import Chain
from attacks.exact.recursion.features import filled
from attacks.exact.recursion.layer import Layer
from attacks.exact.scale import zoomed
from attacks.linear import layer_inputs
from attacks.model import Model

_FITS = 1e-4
"""Relative error of the last layer's readings that float32 arithmetic of a client explains."""

_ROUNDED = 4 * torch.finfo(torch.float32).eps
"""Error of a probability in it: all of the derivatives, where the network is certain and right."""

_DECADES = range(-3, 4)
"""Powers of ten that the norm of the last layer's inputs may have."""

_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Head:
    """What the last layer may have seen.

    Attributes:
        features: its inputs (d,).
        deltas: derivative of the loss at the logits (K,), as sent where it is read.
        label: of the example.
        error: of the layer's readings, relative.
    """

    features: Tensor
    deltas: Tensor
    label: int
    error: float


def heads_of(evidence: Evidence, model: Model, chain: Chain, labels: Sequence[int]) -> list[Head]:
    """All that explain the last layer's readings, best first.

    With dW = delta h^T and db = delta, a readable bias gradient gives h. Without one its length s is left,
    and delta = softmax(s W h + b) - y must be the one that dW has: one equation for each class. With two
    classes and no bias -h and the other label fit as well, and even another length may, as the paper finds
    for the logistic loss. Inputs in hidden columns follow from the others, if these determine what enters
    the layer before.

    Args:
        evidence: of one example, completed.
        model: the public network.
        chain: its layers.
        labels: that the example may have.

    Raises:
        NotApplicableError: too much of the layer is hidden, or nothing explains what is read.
    """
    layer = chain.layers[-1]
    matrix, seen = tensor_read(evidence, model, f"{layer.name}.weight")
    candidates = list(_inputs(evidence, model, chain, labels))
    found = [_head(one, label, layer, matrix, seen) for one in candidates for label in labels]
    fitting = sorted((one for one in found if one.error < _tolerance(one)), key=lambda one: one.error)
    if not fitting:
        raise NotApplicableError(
            f"no inputs of {layer.name} and no label explain its gradient; is it one example's cross-entropy?"
        )
    return [_as_sent(one, layer, evidence, model) for one in fitting]


def _as_sent(head: Head, layer: Layer, evidence: Evidence, model: Model) -> Head:
    """The head with the derivatives at the logits that the client itself computed, where they are read.

    In float32, p - 1 of a class that is nearly certain has lost its last digits, and so have all gradients
    that follow from it: those of a trained network.
    """
    name = f"{layer.name}.bias"
    if name not in model.parameters:
        return head
    values, seen = (one.to(head.deltas.device) for one in tensor_read(evidence, model, name))
    return replace(head, deltas=torch.where(seen, values.to(head.deltas), head.deltas))


def _tolerance(head: Head) -> float:
    return _FITS + _ROUNDED / float(head.deltas.norm().clamp_min(1e-300))


def _head(features: Tensor, label: int, layer: Layer, matrix: Tensor, seen: Tensor) -> Head:
    deltas = _deltas(layer.outputs(features[None]) + layer.offsets, label)[0]
    wanted = torch.where(seen, matrix, 0.0).to(deltas)
    error = torch.where(seen.to(deltas.device), torch.outer(deltas, features), 0.0) - wanted
    return Head(features, deltas, label, float(error.norm() / wanted.norm()))


def _deltas(logits: Tensor, label: int) -> Tensor:
    """Derivative (N, K) of the cross-entropy at logits (N, K)."""
    deltas = logits.softmax(1)
    deltas[:, label] = -(deltas[:, :label].sum(1) + deltas[:, label + 1 :].sum(1))
    return deltas


def _inputs(evidence: Evidence, model: Model, chain: Chain, labels: Sequence[int]) -> Iterator[Tensor]:
    """Inputs (d,) that are worth a try."""
    layer = chain.layers[-1]
    if f"{layer.name}.bias" in model.parameters:
        try:
            features, known = layer_inputs(evidence, model, layer.name)
        except NotApplicableError:
            pass  # no bias gradient is readable
        else:
            yield filled(features.to(layer.weight), known, chain, evidence, model)
            return
    direction, known = input_direction(evidence, model, layer.name)
    if not bool(known.all()):
        raise NotApplicableError(f"neither biases nor all columns of {layer.name} are readable")
    direction = direction.to(layer.weight)
    for norm in _norms(direction, evidence, model, layer, labels):
        yield norm * direction


def _norms(
    direction: Tensor, evidence: Evidence, model: Model, layer: Layer, labels: Sequence[int]
) -> list[float]:
    """Factors of the unit vector (d,), of either sign, at which some label's deltas are those of dW."""
    matrix, seen = (one.to(direction) for one in tensor_read(evidence, model, f"{layer.name}.weight"))
    rows = seen.any(1)
    products = (matrix @ direction / (seen @ direction.square()).clamp_min(1e-300))[rows]
    logits = layer.outputs(direction[None])

    def error(exponents: Tensor, label: int, sign: float) -> Tensor:
        norms = sign * (10.0 ** exponents[:, None]).to(direction)
        sent = norms * _deltas(norms * logits + layer.offsets, label)[:, rows]
        errors: Tensor = (sent - products).norm(dim=1).cpu()
        return errors / float(products.norm())

    found: list[float] = []
    for label in labels:
        for sign in (1.0, -1.0):
            for decade in _DECADES:
                at, value = zoomed(partial(error, label=label, sign=sign), decade, decade + 1)
                norm = sign * 10.0**at
                if value < _FITS and all(abs(norm - one) > _SAME * abs(one) for one in found):
                    found.append(norm)
    return found
