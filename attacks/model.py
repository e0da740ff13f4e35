"""The public model as the adversary holds it: a pure function of images and labels."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad
from torch.nn import functional as F

from attacks.errors import AttackError
from gradveil.exchange import Layout


class Model:
    """A classifier with its weights, seen as functions that torch.func can differentiate and batch.

    Args:
        network: any module that maps images (B, *input_shape) to logits (B, classes); used in eval mode.
        input_shape: shape of one image, channels first.
        classes: number of logits.
    """

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...], classes: int) -> None:
        self.network = network.eval()
        self.input_shape = input_shape
        self.classes = classes
        self.parameters = {name: tensor.detach() for name, tensor in network.named_parameters()}
        self._leaves = {name: tensor.clone().requires_grad_() for name, tensor in self.parameters.items()}
        shapes = tuple(tuple(tensor.shape) for tensor in self.parameters.values())
        self.layout = Layout(tuple(self.parameters), shapes)

    @property
    def device(self) -> torch.device:
        """Where the weights live."""
        return next(iter(self.parameters.values())).device

    def logits(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, *input_shape)."""
        output: Tensor = functional_call(self.network, self.parameters, (images,))
        return output

    def gradient(self, images: Tensor, labels: Tensor) -> Tensor:
        """Gradient of the summed cross-entropy over a batch, flat, shape (layout.size,).

        A client that sends the mean gradient with weight B contributes exactly this. Composes with the
        transforms of torch.func.
        """

        def loss(parameters: Mapping[str, Tensor]) -> Tensor:
            logits = functional_call(self.network, dict(parameters), (images,))
            return F.cross_entropy(logits, labels, reduction="sum")

        gradients = grad(loss)(self.parameters)
        return torch.cat([gradients[name].reshape(-1) for name in self.parameters])

    def gradient_graph(self, images: Tensor, labels: Tensor) -> Tensor:
        """The same as `gradient`, as a plain autograd graph; up to twice as fast, but not for vmap."""
        logits = functional_call(self.network, self._leaves, (images,))
        loss = F.cross_entropy(logits, labels, reduction="sum")
        gradients = torch.autograd.grad(loss, list(self._leaves.values()), create_graph=True)
        return torch.cat([gradient.reshape(-1) for gradient in gradients])

    def features(self, images: Tensor) -> Tensor:
        """Inputs (B, d) of the first linear layer."""
        seen: list[Tensor] = []
        layer = self.network.get_submodule(self.linear_layers[0])
        handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            self.logits(images)
        finally:
            handle.remove()
        return seen[0]

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
