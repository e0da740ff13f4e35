"""The convolutions before the first linear layer, where a network has nothing else there but pooled ReLUs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from attacks.errors import NotApplicableError
from attacks.gradients.layers import patches
from attacks.model import Model
from attacks.model.recording import Call, recorded
from attacks.smoothing import smooth_relu, soft_pool


@dataclass(frozen=True, eq=False)
class Block:
    """A convolution, then ReLU, then max-pooling.

    Attributes:
        name: of the convolution.
        convolution: itself.
        side: extent and stride of the pooling windows; 1 if there is none.
        size: height and width of the convolution's outputs.
    """

    name: str
    convolution: nn.Conv2d
    side: int
    size: tuple[int, int]

    def outputs(self, inputs: Tensor) -> Tensor:
        """The convolution's outputs (N, O, H, W) for inputs (N, I, ...)."""
        weights = {name: one.detach() for name, one in self.convolution.named_parameters()}
        maps: Tensor = functional_call(self.convolution, weights, (inputs,))
        return maps

    def pooled(self, outputs: Tensor, sharpness: float | None = None) -> Tensor:
        """Rectified and pooled outputs; smooth if a sharpness is given."""
        if sharpness is None:
            return F.max_pool2d(F.relu(outputs), self.side)
        return soft_pool(smooth_relu(outputs, sharpness), sharpness, self.side)

    def patches(self, inputs: Tensor) -> Tensor:
        """What each position sees of inputs (I, H, W), (K, positions), in the order of the weights."""
        return patches(self.convolution, inputs[None])[0]

    @property
    def matrix(self) -> Tensor:
        """The weights (O, K)."""
        return self.convolution.weight.detach().flatten(1)


@dataclass(frozen=True, eq=False)
class Trunk:
    """Blocks one after the other, whose last outputs enter a linear layer.

    Attributes:
        blocks: first to last.
        linear: name of the linear layer.
        shape: of the last pooled maps, (C, h, w).
    """

    blocks: tuple[Block, ...]
    linear: str
    shape: tuple[int, ...]

    def inputs_of(self, depth: int, images: Tensor) -> Tensor:
        """Inputs (N, ...) of the block at this depth, from 0, for images (N, ...)."""
        for block in self.blocks[:depth]:
            images = block.pooled(block.outputs(images))
        return images

    def entering(self, depth: int, image: Tensor) -> Tensor:
        """The same (I, ...) for one image (C, H, W)."""
        return self.inputs_of(depth, image[None])[0]


_MOST_BLOCKS = 2
"""With three, the rough image never was good enough to find the last one's routes."""


def trunk_of(model: Model) -> Trunk:
    """The convolutions of a network and how their outputs are pooled, found out by passing noise through it.

    Raises:
        NotApplicableError: between the image and the first linear layer there is anything else but one or two
            ungrouped convolutions, each followed by ReLU and max-pooling over windows that do not overlap.
    """
    if not model.batched:
        raise NotApplicableError("some layer has no rule for its gradient; use gradient matching")
    names = [name for name, module in model.network.named_modules() if isinstance(module, nn.Conv2d)]
    if len(names) > _MOST_BLOCKS:
        raise NotApplicableError(f"{len(names)} convolutions are too many to solve; use gradient matching")
    linear = model.linear_layers[0]
    noise = torch.rand(1, *model.input_shape, generator=torch.Generator().manual_seed(0))
    image = noise.to(model.device, model.dtype)
    with recorded(model.network, (*names, linear)) as calls, torch.no_grad():
        model.logits(image)
    chain = [calls[name][0] for name in (*names, linear)]
    if not names or not torch.equal(chain[0].input, image):
        raise NotApplicableError("the network does not begin with a convolution; use gradient matching")
    blocks = [_block(model, name, *chain[at : at + 2]) for at, name in enumerate(names)]
    pooled = blocks[-1].pooled(chain[-2].output)
    return Trunk(tuple(blocks), linear, tuple(pooled.shape[1:]))


def _block(model: Model, name: str, call: Call, following: Call) -> Block:
    """The convolution of this name, if what follows gets its outputs rectified and pooled."""
    convolution = model.network.get_submodule(name)
    assert isinstance(convolution, nn.Conv2d)  # noqa: S101  the names are those of convolutions
    height, width = call.output.shape[-2:]
    for side in range(1, min(height, width) + 1):
        block = Block(name, convolution, side, (height, width))
        pooled = block.pooled(call.output)
        if pooled.numel() == following.input.numel():
            if torch.equal(pooled.flatten(), following.input.flatten()) and convolution.groups == 1:
                return block
            break
    raise NotApplicableError(f"{name} is no convolution with ReLU and max-pooling; use gradient matching")
