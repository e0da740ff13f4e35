"""The predicted gradient of one parameter tensor for R rows, written out or as a sum of outer products."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.gradients.rows import by_row
from attacks.gradients.targets import Target


class Block(ABC):
    """Gradient of one parameter of n elements for R rows; V victims own R / V consecutive rows each."""

    @abstractmethod
    def dense(self) -> Tensor:
        """All elements, (R, n)."""

    @abstractmethod
    def inner(self, target: Target) -> Tensor:
        """Sum of weight times value times gradient, (R,)."""

    @abstractmethod
    def square_norm(self, target: Target) -> Tensor:
        """Sum of weight times squared gradient, (R,)."""

    @abstractmethod
    def square_error(self, target: Target) -> Tensor:
        """Sum of weight times squared difference of gradient and value, (R,)."""


@dataclass(frozen=True, eq=False)
class Dense(Block):
    """A gradient (R, n) written out."""

    values: Tensor

    def dense(self) -> Tensor:
        """The values."""
        return self.values

    def inner(self, target: Target) -> Tensor:
        """By one product for each victim's rows."""
        return (by_victim(self.values, target) @ target.weighted[:, :, None]).flatten()

    def square_norm(self, target: Target) -> Tensor:
        """Element by element."""
        return _weighted_square(by_victim(self.values, target), target)

    def square_error(self, target: Target) -> Tensor:
        """Element by element, without cancellation."""
        values = by_victim(self.values, target)
        squares = F.mse_loss(values, target.values[:, None].expand_as(values), reduction="none")
        return _weighted_sum(squares, target)


@dataclass(frozen=True, eq=False)
class OuterSum(Block):
    """The weight gradient of a linear layer, sum over b of deltas[b] inputs[b]^T, never written out.

    Inner products with readings, and norms under any element mask M, need only products with M and with the
    readings: |M (sum_b d_b a_b^T)|^2 = sum_{b,c} (d_b d_c)^T M (a_b a_c). The squared error is then a
    difference of large numbers: exact to the float precision of the squared norm, not of the error.

    Attributes:
        deltas: gradients of the loss with respect to the layer's outputs, (R, B, out).
        inputs: the layer's inputs, (R, B, in).

    Source: norms as in ghost clipping, Goodfellow 2015 and Li et al. 2022 (ICLR), section 4.
    """

    deltas: Tensor
    inputs: Tensor

    def dense(self) -> Tensor:
        """Written out, (R, out * in)."""
        return (self.deltas.mT @ self.inputs).flatten(1)

    def inner(self, target: Target) -> Tensor:
        """One product of all rows with the readings."""
        return self._bilinear(self.deltas, self.inputs, target.weighted)

    def square_norm(self, target: Target) -> Tensor:
        """From Gram matrices where the weight is uniform, else from products of pairs of examples."""
        if target.uniform is not None:
            gram = (self.deltas @ self.deltas.mT) * (self.inputs @ self.inputs.mT)
            return (by_victim(gram.flatten(1), target).sum(-1) * target.uniform[:, None]).flatten()
        return self._bilinear(_pairs(self.deltas), _pairs(self.inputs), target.weights)

    def square_error(self, target: Target) -> Tensor:
        """Expanded: norm, inner product, energy of the readings."""
        rows_a_victim = len(self.deltas) // len(target.energy)
        energy = target.energy.repeat_interleave(rows_a_victim)
        return self.square_norm(target) - 2 * self.inner(target) + energy

    def _bilinear(self, left: Tensor, right: Tensor, matrices: Tensor) -> Tensor:
        """Sum over m of left[r, m]^T matrices[v] right[r, m], (R,)."""
        victims, rows, terms = len(matrices), *left.shape[:2]
        matrix = matrices.reshape(victims, left.shape[2], right.shape[2])
        products = left.reshape(victims, -1, left.shape[2]) @ matrix
        return torch.einsum("rmi,rmi->r", products.reshape(rows, terms, -1), right)


def by_victim(values: Tensor, target: Target) -> Tensor:
    """Rows (R, n) as (V, R / V, n)."""
    return by_row(values, len(target.energy))


def _weighted_square(values: Tensor, target: Target) -> Tensor:
    return _weighted_sum(values.square(), target)


def _weighted_sum(terms: Tensor, target: Target) -> Tensor:
    if target.uniform is not None:
        return (terms.sum(2) * target.uniform[:, None]).flatten()
    return (terms @ target.weights[:, :, None]).flatten()


def _pairs(factors: Tensor) -> Tensor:
    """Products of all pairs of examples, (R, B * B, n)."""
    return (factors[:, :, None] * factors[:, None]).flatten(1, 2)
