"""The public model as the adversary holds it: a pure function of images and labels."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from attacks.errors import AttackError
from attacks.gradients import Block
from attacks.gradients.layers import Rule
from attacks.gradients.normalisation import BatchNorm, RowBatchNorm, with_row_statistics
from attacks.model.arithmetic import Precision, tensor_cores
from attacks.model.convolutions import kernels, large, multiplications
from attacks.model.hidden import Hidden
from attacks.model.passes import Pass, Plan
from attacks.model.probe import trusted_rules
from attacks.model.recording import recorded
from gradveil.exchange import Knowledge, Layout


class Model:
    """A classifier with its weights, as pure functions of many rows of images and labels.

    Args:
        network: any module that maps images (N, *input_shape) to logits (N, classes); a copy in eval mode is
            kept, so that dropout is off.
        input_shape: shape of one image, channels first.
        classes: number of logits.
        batch_norm: whether clients normalise by the running statistics (eval mode) or by those of their own
            batch (training mode).
        precision: in which the network's passes compute, see `Precision`. Gradients are compared with the
            readings in the weights' type, but a search ends where rounding hides the rest: on three digits
            and LeNet, 400 steps of L-BFGS gave 20, 23 and 10 dB in bf16, and 73, 82 and 40 dB in full. Give
            the last stage `full`: 400 more steps in full gave 78, 89 and 35 dB.

    Raises:
        AttackError: no parameter requires a gradient; frozen ones are no part of an update.
    """

    def __init__(
        self,
        network: nn.Module,
        input_shape: tuple[int, ...],
        classes: int,
        batch_norm: Literal["running", "batch"] = "running",
        precision: Precision = "full",
    ) -> None:
        self.network = _prepared(network, batch_norm)
        self.input_shape = input_shape
        self.classes = classes
        self.batch_norm = batch_norm
        self.precision: Precision = precision
        self.parameters = _trained(self.network)
        shapes = tuple(tuple(tensor.shape) for tensor in self.parameters.values())
        self.layout = Layout(tuple(self.parameters), shapes)

    @property
    def device(self) -> torch.device:
        """Where the weights live."""
        return next(iter(self.parameters.values())).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights, in which everything is computed."""
        return next(iter(self.parameters.values())).dtype

    def knowledge(self, batch_size: int) -> Knowledge:
        """Of an adversary who has this model, of updates by so many examples; what else is granted, add."""
        return Knowledge(
            model="architecture and weights",
            loss="cross-entropy",
            classes=self.classes,
            input_shape=self.input_shape,
            batch_size=batch_size,
            batch_norm=self.batch_norm,
        )

    def double(self) -> "Model":
        """The same model in float64, whatever the precision of its passes."""
        return self._double

    def at(self, precision: Precision) -> "Model":
        """The same model, with the same weights, whose passes compute in this precision."""
        other = copy.copy(self)
        other.precision = precision
        vars(other)["_plan"] = replace(self._plan, precision=precision)
        return other

    @cached_property
    def _double(self) -> "Model":
        return Model(copy.deepcopy(self.network).double(), self.input_shape, self.classes, self.batch_norm)

    def logits(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, *input_shape)."""
        output: Tensor = functional_call(self.network, self.parameters, (images,))
        return output

    def run(self, images: Tensor, labels: Tensor, hidden: Sequence[Hidden] = ()) -> Pass:
        """Gradients of the summed cross-entropy of each row.

        A client that sends the mean gradient with weight B contributes exactly the gradient of its row.

        Args:
            images: (R, B, *input_shape).
            labels: classes (R, B), or class probabilities (R, B, classes).
            hidden: assumed values of a defense's secrets.
        """
        with self._arithmetic(images.shape[0] * images.shape[1]):
            return self._plan.run(images, labels, hidden)

    def derivative(self, values: Tensor, points: Tensor, images: int) -> Tensor:
        """Gradient of summed values of passes of so many images with respect to points, computed as these."""
        with self._arithmetic(images):
            return torch.autograd.grad(values, points, torch.ones_like(values))[0]

    @contextmanager
    def _arithmetic(self, images: int) -> Iterator[None]:
        with tensor_cores(self.precision, self.device), kernels(images * self._multiplications):
            yield

    @property
    def alone_is_faster(self) -> bool:
        """Whether rows had better pass one by one, as their convolutions are large for this processor."""
        return large(self._multiplications)

    @cached_property
    def _multiplications(self) -> int:
        return multiplications(self.network, self.input_shape)

    def gradient(self, images: Tensor, labels: Tensor) -> Tensor:
        """Gradient (layout.size,) of the summed cross-entropy over one batch (B, *input_shape), detached."""
        return self.run(images[None], labels[None]).gradient.dense()[0].detach()

    def gradient_at(self, weights: Mapping[str, Tensor], images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Gradients of the summed cross-entropy over one batch at other weights, by parameter.

        Args:
            weights: a value for each of `parameters` that requires a gradient; they are part of the graph.
            images: (B, *input_shape).
            labels: classes (B,).
        """
        with self._arithmetic(len(images)):
            return self._plan.gradient_at(weights, images, labels)

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Rules of the layers that own parameters; none if rows cannot share a batch."""
        return self._plan.rules

    def blocks(self, layer: str, inputs: Tensor, deltas: Tensor) -> dict[str, Block]:
        """Gradients of one layer's parameters, by name, from its inputs and deltas (R, B, ...)."""
        return self._plan.blocks(layer, inputs, deltas)

    @property
    def batched(self) -> bool:
        """Whether many rows share one batch; if not, gradients are mapped by torch.func, which is slower."""
        return bool(self.rules)

    @cached_property
    def _plan(self) -> Plan:
        leaves = {name: one for name, one in self.network.named_parameters() if one.requires_grad}
        plan = Plan(self.network, leaves, {}, self.batch_norm_layers)
        rules = trusted_rules(plan, self.input_shape, self.classes)
        return replace(plan, rules=rules, precision=self.precision)

    @property
    def batch_norm_layers(self) -> tuple[str, ...]:
        """Names of the batch-normalisation layers."""
        kinds = BatchNorm | RowBatchNorm
        return tuple(name for name, module in self.network.named_modules() if isinstance(module, kinds))

    def inputs_of(self, layer: str, images: Tensor) -> Tensor:
        """Inputs (N, ...) of one layer for images (N, *input_shape)."""
        with recorded(self.network, (layer,)) as calls:
            self.logits(images)
        return calls[layer][0].input

    def features(self, images: Tensor) -> Tensor:
        """Inputs (N, d) of the first linear layer."""
        return self.inputs_of(self.linear_layers[0], images)

    @property
    def linear_layers(self) -> tuple[str, ...]:
        """Names of the linear layers with a bias, first to last.

        Raises:
            AttackError: the network has none.
        """
        found = tuple(
            name
            for name, module in self.network.named_modules()
            if isinstance(module, nn.Linear) and module.bias is not None
        )
        if not found:
            raise AttackError("the model has no linear layer with bias; use gradient matching instead")
        return found

    def linear_parts(self, layer: str) -> tuple[slice, slice, int]:
        """Where a linear layer's weight and bias lie in the flat vector, and its number of inputs."""
        slices = self.layout.slices
        inputs = self.parameters[f"{layer}.weight"].shape[1]
        return slices[f"{layer}.weight"], slices[f"{layer}.bias"], inputs


def _prepared(network: nn.Module, batch_norm: Literal["running", "batch"]) -> nn.Module:
    """A copy in eval mode that changes no tensor in place, with the normalisation asked for."""
    network = with_row_statistics(network, batch_norm)
    for module in network.modules():
        if getattr(module, "inplace", False):
            setattr(module, "inplace", False)  # noqa: B010  mypy knows no module that has it
    return network.eval()


def _trained(network: nn.Module) -> dict[str, Tensor]:
    found = {name: one.detach() for name, one in network.named_parameters() if one.requires_grad}
    if not found:
        raise AttackError(
            "no parameter of the network requires a gradient; unfreeze those that clients train"
        )
    return found
