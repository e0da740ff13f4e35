"""One round's clients: their true images, their updates, and the line-up for identification."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import Model
from gradveil.data import Dataset
from gradveil.exchange import Update
from gradveil.metrics import CANDIDATES

VICTIM = "client-0"


@dataclass(frozen=True, eq=False)
class Cohort:
    """The truth that only the audit knows.

    Attributes:
        images: each client's images, float32 (B, C, H, W).
        labels: each client's labels.
        updates: each client's mean gradient, with weight B.
        others: 99 images of nobody in the round, or None if the data set is too small for a line-up.
    """

    images: dict[str, NDArray[np.float32]]
    labels: dict[str, tuple[int, ...]]
    updates: dict[str, Update]
    others: NDArray[np.float32] | None

    def images_of(self, clients: tuple[str, ...]) -> NDArray[np.float32]:
        """All images of these clients, in their order."""
        return np.concatenate([self.images[client] for client in clients])

    def labels_of(self, clients: tuple[str, ...]) -> tuple[int, ...]:
        """All labels of these clients, in their order."""
        return tuple(label for client in clients for label in self.labels[client])


def draw_cohort(dataset: Dataset, model: Model, clients: int, batch: int, rng: np.random.Generator) -> Cohort:
    """Draw distinct images for every client and the line-up, and compute the updates.

    Raises:
        DataError: the data set has fewer images than the clients need.
    """
    needed = clients * batch
    line_up = CANDIDATES - 1 if len(dataset.images) >= needed + CANDIDATES - 1 else 0
    drawn = dataset.draw(needed + line_up, rng)
    own = drawn[:needed].reshape(clients, batch)
    names = [f"client-{number}" for number in range(clients)]
    images = {name: dataset.images[rows] for name, rows in zip(names, own, strict=True)}
    labels = {name: tuple(dataset.labels[rows].tolist()) for name, rows in zip(names, own, strict=True)}
    updates = {name: gradient_update(model, images[name], labels[name]) for name in names}
    return Cohort(images, labels, updates, dataset.images[drawn[needed:]] if line_up else None)


def gradient_update(model: Model, images: NDArray[np.float32], labels: tuple[int, ...]) -> Update:
    """One FedSGD step: the mean gradient of a batch (B, C, H, W), weighted by its size."""
    batch = torch.from_numpy(images).to(model.device)
    total = model.gradient(batch, torch.tensor(labels, device=model.device))
    return Update(model.layout, (total / len(images)).cpu().numpy(), len(images))
