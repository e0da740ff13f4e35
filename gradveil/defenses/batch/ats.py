"""ATS: every image goes through transformations that were chosen because gradients then tell less."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gradveil.defenses.batch.transformations import LIBRARY
from gradveil.defenses.mechanism import DefenseError
from gradveil.defenses.points import BatchDefense

Policy = tuple[int, ...]
"""Places in the library of the transformations to go through, in this order."""


@dataclass(frozen=True)
class ATS(BatchDefense):
    """Each image goes through one of the policies, drawn for it alone; labels stay.

    Transformations act on images of 8 bits, so that what is fed in are multiples of 1/255. The authors crop
    and flip at random before; that is no part of the policy and is left to the training.

    Attributes:
        policies: as published, numbers joined by `-` and policies by `+`; `search_policies` finds some.

    Source: Gao et al. 2021 (CVPR), sections 4 and 5; the default is their hybrid policy for CIFAR-100 and
        ResNet-20, applied as in their code.
    """

    name: ClassVar[str] = "ats"
    claim: ClassVar[str] = (
        "gradients are of transformed images, which are what an inversion finds; policies were searched to "
        "make that hard, and nothing is proven"
    )
    policies: str = "3-1-7+43-18-18"

    def __post_init__(self) -> None:
        parsed(self.policies)

    def feed(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The transformed batch, and the labels as they are.

        Raises:
            DefenseError: images of neither one nor three channels.
        """
        policies = parsed(self.policies)
        drawn = torch.randint(len(policies), (len(images),), generator=rng).tolist()
        return torch.cat([transformed(images[[n]], policies[p], rng) for n, p in enumerate(drawn)]), labels


def parsed(policies: str) -> tuple[Policy, ...]:
    """Policies from their published notation.

    Raises:
        DefenseError: what stands there are no numbers of transformations.
    """
    try:
        found = tuple(tuple(int(number) for number in one.split("-")) for one in policies.split("+"))
    except ValueError as error:
        raise DefenseError(f"{policies!r} is no policy; write e.g. 3-1-7+43-18-18") from error
    if not all(number < len(LIBRARY) for one in found for number in one):
        raise DefenseError(f"{policies!r}: transformations are numbered from 0 to {len(LIBRARY) - 1}")
    return found


def transformed(images: Tensor, policy: Policy, rng: torch.Generator) -> Tensor:
    """Images (N, C, H, W) in [0, 1] after a policy; which way shears, shifts and gains go is drawn each time.

    Raises:
        DefenseError: images of neither one nor three channels.
    """
    if images.shape[1] not in (1, 3):
        raise DefenseError(f"images of {images.shape[1]} channels have no colours; use another defense")
    pixels = images.detach().mul(255).round().clamp(0, 255).to(torch.uint8).cpu().permute(0, 2, 3, 1).numpy()
    done = np.stack([_through(one, policy, rng) for one in pixels])
    return torch.from_numpy(done).permute(0, 3, 1, 2).to(images) / 255


def _through(pixels: NDArray[np.uint8], policy: Policy, rng: torch.Generator) -> NDArray[np.uint8]:
    """Pixels (H, W, C) after a policy."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    for number in policy:
        backwards = bool(torch.randint(2, (), generator=rng))
        image = LIBRARY[number](image, backwards)
    return np.array(image, dtype=np.uint8).reshape(pixels.shape)
