"""What is planned for: a network, sample images, and what local training on them does to the weights."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from attacks import Model
from gradveil.calibration import Examples
from gradveil.data import Dataset
from gradveil.exchange import Coords, Layout, Selection
from gradveil.models.vectors import layout_of, load_vector, vector_of
from gradveil.planning.errors import PlanningError

_PUBLIC, _SHOWN, _FEWEST, _MOST = 8, 64, 32, 1000
"""Images to calibrate on, to attack, and others at least; in all at most."""

_SAMPLED = 4
"""Clients whose training is sampled."""

_TRAINED_ON = 8
_LARGE = 1 << 20

Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Training:
    """Local training of one client in one round.

    Attributes:
        rate: of plain SGD.
        steps: local.
        batch: images of a step.
    """

    rate: float = 0.1
    steps: int = 10
    batch: int = _TRAINED_ON

    def __post_init__(self) -> None:
        if not (0 < self.rate < np.inf) or min(self.steps, self.batch) < 1:
            raise PlanningError("rate, steps and batch of local training must be positive; correct them")


@dataclass(frozen=True, eq=False)
class Subject:
    """Images of the sample are public ones, to calibrate on, or stand for victims; none is both.

    Attributes:
        network: whose whole state travels.
        model: the same as an adversary holds it: its trained parameters only.
        public: images for rankings, predictions and sample updates.
        victims: (V, *input_shape) and their labels (V,), attacked in place of clients' images.
        others: all further images (N, *input_shape) and labels (N,), for sample clients to train on, and for
            an adversary who has data of its own.
        training: of the sample updates.
        seed: of everything random.
    """

    network: nn.Module
    model: Model
    public: Examples
    victims: tuple[Tensor, Tensor]
    others: tuple[Tensor, Tensor]
    training: Training = Training()
    seed: int = 0

    @classmethod
    def of(
        cls, network: nn.Module, model: Model, dataset: Dataset, training: Training, seed: int = 0
    ) -> "Subject":
        """With images drawn from a data set.

        Raises:
            DataError: too few images.
            PlanningError: images of another shape, or more classes than the network has.
        """
        if dataset.input_shape != model.input_shape or dataset.labels.max() >= model.classes:
            raise PlanningError(
                f"{dataset.name} has images {dataset.input_shape} of {dataset.classes} classes, the network "
                f"takes {model.input_shape} of {model.classes}; choose another --shape, model or data set"
            )
        count = max(_PUBLIC + _SHOWN + _FEWEST, min(len(dataset.images), _MOST))
        chosen = dataset.draw(count, np.random.default_rng(seed))
        images = torch.from_numpy(dataset.images[chosen]).to(model.device)
        labels = torch.from_numpy(dataset.labels[chosen]).to(model.device)
        public = Examples(model, images[:_PUBLIC], labels[:_PUBLIC], dataset.name, seed=seed)
        shown, rest = slice(_PUBLIC, _PUBLIC + _SHOWN), slice(_PUBLIC + _SHOWN, None)
        victims, others = (images[shown], labels[shown]), (images[rest], labels[rest])
        return cls(network, model, public, victims, others, training, seed)

    @cached_property
    def layout(self) -> Layout:
        """Of the whole state: what clients send."""
        return layout_of(self.network)

    @property
    def is_large(self) -> bool:
        """Whether passes are so dear that strategies see one example and attacks a few."""
        return self.model.layout.size >= _LARGE

    @cached_property
    def parameters(self) -> Coords:
        """Where the model's parameters lie in the state, in the model's order."""
        slices = self.layout.slices
        return np.concatenate([np.r_[slices[name]] for name in self.model.layout.names]).astype(np.int64)

    @cached_property
    def counters(self) -> NDArray[np.bool_]:
        """True at whole numbers, which a mean makes no sense of; they stay at home."""
        state = self.network.state_dict().items()
        return self.layout.mask_of([name for name, value in state if not value.is_floating_point()])

    @cached_property
    def buffers(self) -> NDArray[np.bool_]:
        """True at running statistics and whatever else travels without being trained."""
        found = ~self.counters
        found[self.parameters] = False
        return found

    def lifted(self, selection: Selection) -> NDArray[np.bool_]:
        """A selection of parameters as a mask over the state."""
        found = np.zeros(self.layout.size, dtype=np.bool_)
        found[self.parameters[selection.mask]] = True
        return found

    @cached_property
    def before(self) -> Vector:
        """The state as it is."""
        return vector_of(self.network, self.layout)

    @cached_property
    def trained(self) -> tuple[Vector, ...]:
        """The state after local training of a few clients, each on random images of nobody's.

        Raises:
            PlanningError: training diverges.
        """
        rng = torch.Generator().manual_seed(self.seed)
        try:
            found = tuple(self._train(rng) for _ in range(_SAMPLED))
        finally:
            load_vector(self.network, self.layout, self.before)
            self.network.eval()
        if not all(np.isfinite(one).all() for one in found):
            raise PlanningError("local training on the sample diverges; lower --rate")
        return found

    @cached_property
    def mean_norm(self) -> float:
        """Norm of the sample clients' mean change of the parameters."""
        return float(np.linalg.norm(self.mean[self.parameters]))

    @cached_property
    def longest(self) -> float:
        """Largest norm of a sample client's change of the parameters."""
        return max(float(np.linalg.norm((after - self.before)[self.parameters])) for after in self.trained)

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """The sample clients' exact mean change, (layout.size,)."""
        changes = [after.astype(np.float64) - self.before for after in self.trained]
        found: NDArray[np.float64] = np.mean(changes, axis=0)
        if not found[self.parameters].any():
            raise PlanningError("local training on the sample changes nothing; raise --rate")
        return found

    def _train(self, rng: torch.Generator) -> Vector:
        load_vector(self.network, self.layout, self.before)
        self.network.train()
        optimizer = torch.optim.SGD(self.network.parameters(), lr=self.training.rate)
        images, labels = self.others
        for _ in range(self.training.steps):
            batch = torch.randperm(len(images), generator=rng)[: self.training.batch].to(images.device)
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(self.network(images[batch]), labels[batch]))
            optimizer.step()
        return vector_of(self.network, self.layout)
