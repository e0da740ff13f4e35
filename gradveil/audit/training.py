"""Networks at several points of a short real training, for rounds that do not start from fresh weights."""

import copy
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from gradveil.audit.evaluation import accuracy, held_out
from gradveil.data import Dataset
from gradveil.data.dataset import DataError

_MOMENTUM = 0.9


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network after some steps.

    Attributes:
        network: in evaluation mode.
        accuracy: share of the held-out images that it recognises; None without training.
    """

    network: nn.Module
    accuracy: float | None


def checkpoints(
    network: nn.Module,
    dataset: Dataset,
    steps: Collection[int],
    batch: int,
    rate: float,
    rng: np.random.Generator,
) -> dict[int, Checkpoint]:
    """Train once, by SGD with momentum 0.9 on cross-entropy, and keep the network after each count of steps.

    Batches are drawn from all images but those held out; a checkpoint does not depend on those after it.

    Args:
        network: trained in place.
        dataset: its images lie on the CPU.
        steps: 0 is the network as it came.
        batch: images in a step.
        rate: learning rate.
        rng: of which images are held out, and of the batches.

    Raises:
        DataError: too few images for a batch, or training has diverged; a smaller rate helps.
    """
    order = rng.permutation(len(dataset.images))
    unseen, free = np.split(order, [held_out(len(order))])
    if max(steps) and len(free) < batch:
        raise DataError(f"{dataset.name} has {len(free)} images to train on; lower `train_batch` to that")
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=_MOMENTUM)
    found = {}
    for done in range(max(steps) + 1):
        if done in steps:
            found[done] = _checkpoint(network, dataset, unseen if done else None)
        if done < max(steps):
            _step(network, optimizer, dataset, rng.choice(free, size=batch, replace=False))
    return found


def _step(
    network: nn.Module, optimizer: torch.optim.Optimizer, dataset: Dataset, rows: NDArray[np.int64]
) -> None:
    network.train()
    optimizer.zero_grad()
    images, labels = _on_device(network, dataset, rows)
    loss = cross_entropy(network(images), labels)
    if not torch.isfinite(loss):
        raise DataError("the training before the attack has diverged; lower `train_rate`")
    torch.autograd.backward(loss)
    optimizer.step()


def _checkpoint(network: nn.Module, dataset: Dataset, unseen: NDArray[np.int64] | None) -> Checkpoint:
    kept = copy.deepcopy(network).eval()
    return Checkpoint(kept, None if unseen is None else accuracy(kept, dataset, unseen))


def _on_device(
    network: nn.Module, dataset: Dataset, rows: NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor]:
    device = next(network.parameters()).device
    images, labels = torch.from_numpy(dataset.images[rows]), torch.from_numpy(dataset.labels[rows])
    return images.to(device), labels.to(device)
