"""One table of all defenses that act before the wire, and one way to run their clients."""

from dataclasses import dataclass

import numpy as np
import torch

from attacks import Model
from gradveil.defenses import (
    ATS,
    AdaDefense,
    Censor,
    ClippedNoise,
    ConcealedSamples,
    InstaHide,
    Mechanism,
    MixUp,
    Outpost,
    PrivateGradient,
    RandomPruning,
    Sign,
    Soteria,
    Stages,
    TopK,
    Uniform,
    Work,
    chain,
)
from gradveil.exchange import Update
from gradveil.models import build

SHAPE, CLASSES, BATCH = (1, 8, 8), 10, 3
MODEL = Model(build("cnn", SHAPE, CLASSES, seed=0), SHAPE, CLASSES)
NAMES = ("ann", "bob", "cid")


@dataclass(frozen=True)
class Case:
    """A defense, whether it draws anything, and the size of what it adds without one deviation for all."""

    defense: Mechanism
    random: bool = False
    spread: float = 0.0


CASES = {
    "top-k": Case(TopK(0.1)),
    "random pruning": Case(RandomPruning(0.3), random=True),
    "sign": Case(Sign()),
    "nearest": Case(Uniform(8, "nearest")),
    "stochastic": Case(Uniform(4), random=True),
    "mixed precision": Case(Uniform(3, "nearest", bias_bits=12)),
    "clipped": Case(ClippedNoise(0.5, 0.1), random=True),
    "clipped, laplace": Case(ClippedNoise(5.0, 0.001, "laplace"), random=True),
    "dp-sgd": Case(PrivateGradient(1.0, 0.5, lot=BATCH), random=True),
    "soteria": Case(Soteria(0.6)),
    "mixup": Case(MixUp(), random=True),
    "ats": Case(ATS("36-1-31+34-6"), random=True),
    "instahide": Case(InstaHide(2), random=True),
    "instahide, mean": Case(InstaHide(3, centre=0.2), random=True),
    "stand-in": Case(AdaDefense()),
    "censor": Case(Censor(2), random=True),
    "concealed": Case(ConcealedSamples(2), random=True, spread=1.0),
    "outpost": Case(Outpost(), random=True, spread=0.8),
    "outpost, without its odds": Case(Outpost(decay=0.0, iteration=9), random=True, spread=0.8),
    "sparse ternary": Case(chain(TopK(0.05), Sign())),
    "soteria, top-k, 6 bits": Case(chain(Soteria(0.6), TopK(0.2), Uniform(6)), random=True),
    "mixup, clipped, pruned": Case(chain(MixUp(), ClippedNoise(0.5, 0.1), TopK(0.3)), random=True),
}


def batch(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A client's images and class probabilities."""
    rng = torch.Generator().manual_seed(NAMES.index(name))
    images = torch.rand(BATCH, *SHAPE, generator=rng)
    labels = torch.randint(CLASSES, (BATCH,), generator=rng)
    return images, torch.nn.functional.one_hot(labels, CLASSES).float()


def client(defense: Mechanism, images: torch.Tensor, labels: torch.Tensor, seed: int = 0) -> Update:
    """What a client with this batch hands to the wire."""
    stages = Stages.of(defense)
    images, labels = stages.feed(images, labels, torch.Generator().manual_seed(seed))
    mean = MODEL.gradient(images, labels) / len(images)
    update = Update(MODEL.layout, mean.numpy(), len(images))
    return stages.apply(update, Work(MODEL.network, images, labels), np.random.default_rng(seed))


def clients(defense: Mechanism, seed: int = 0) -> dict[str, Update]:
    """The same for the whole cohort."""
    return {name: client(defense, *batch(name), seed) for name in NAMES}


def still(defense: Mechanism) -> Update:
    """What a client hands to the wire whose batch moves nothing: labels are what the model says to it."""
    stages = Stages.of(defense)
    fed, _ = stages.feed(*batch("ann"), torch.Generator().manual_seed(0))
    work = Work(MODEL.network, fed, MODEL.logits(fed).softmax(1).detach())
    nothing = Update(MODEL.layout, np.zeros(MODEL.layout.size, dtype=np.float32), len(fed))
    return stages.apply(nothing, work, np.random.default_rng(0))
