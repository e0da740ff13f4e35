"""Products with the Gauss-Newton matrix of a posterior, where the matrix itself is not affordable."""

import torch
from torch import Tensor

from attacks.gradients import Targets
from attacks.likelihoods import SumOfSquares
from attacks.model import Model
from attacks.priors import Prior, Proposal


class Products:
    """v -> (J^T W J + B) v at one batch; J is the Jacobian of the gradient, B the Hessian of the prior.

    The graphs of the gradient g and of u -> J^T u are made once. A product is then two passes through them:
    J v is the derivative of J^T u with respect to u, in which it is linear, and needs no rules for forward
    mode. Works for every network whose gradients can be differentiated.

    Args:
        model: the public network, in the precision that products shall have.
        images: (B, *input_shape), d numbers in all.
        labels: (B,), or class probabilities (B, classes).
        targets: readings of one victim, of the model's type.
        likelihood: p(observation | gradient).
        prior: p(x).

    Source: products by two passes, Pearlmutter 1994; Gauss-Newton products, Schraudolph 2002.
    """

    def __init__(
        self,
        model: Model,
        images: Tensor,
        labels: Tensor,
        targets: Targets,
        likelihood: SumOfSquares,
        prior: Prior,
    ) -> None:
        weighted, precision = likelihood.squares(targets)
        seen = [name for name, target in weighted.blocks.items() if not target.hidden]
        self._weights = precision * torch.cat([weighted.blocks[name].weights[0] for name in seen])
        self._pixels = images.detach().requires_grad_()
        passed = model.run(self._pixels[None], labels[None])
        self._gradient = torch.cat([passed.gradient.blocks[name].dense()[0] for name in seen])
        self._any = torch.zeros_like(self._gradient, requires_grad=True)
        self._transposed = self._derivative(self._gradient, self._pixels, self._any, create_graph=True)
        belief = prior.negative_log(Proposal(self._pixels[None], passed.normalised)).sum()
        self._slope = self._derivative(belief, self._pixels, torch.ones_like(belief), create_graph=True)

    def __call__(self, vector: Tensor) -> Tensor:
        """The product (d,) with a vector (d,)."""
        moved = vector.reshape(self._pixels.shape)
        pushed = self._derivative(self._transposed, self._any, moved)
        read = self._derivative(self._gradient, self._pixels, self._weights * pushed)
        return (read + self._derivative(self._slope, self._pixels, moved)).flatten()

    @staticmethod
    def _derivative(outputs: Tensor, inputs: Tensor, vector: Tensor, create_graph: bool = False) -> Tensor:
        """J^T vector of outputs by inputs; zero where they do not depend on them."""
        if not outputs.requires_grad:
            return torch.zeros_like(inputs)
        return torch.autograd.grad(
            outputs, inputs, vector, retain_graph=True, create_graph=create_graph, materialize_grads=True
        )[0]
