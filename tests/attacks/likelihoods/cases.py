"""Predicted gradients of many rows, written out and as outer sums, and what was read of them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attacks.gradients import Dense, Gradient, OuterSum, Target, Targets
from tests.attacks.cases import generator

SIZES = {"bias": 6, "weight": 12, "unread": 5}
DOUBLE = torch.float64


@dataclass(frozen=True)
class Predicted:
    """Parts of three parameters' gradients: a bias, a layer with 4 inputs and 3 outputs, and a third."""

    bias: Tensor
    deltas: Tensor
    inputs: Tensor
    unread: Tensor

    def gradient(self):
        return Gradient(
            {
                "bias": Dense(self.bias),
                "weight": OuterSum(self.deltas, self.inputs),
                "unread": Dense(self.unread),
            }
        )

    def of_rows(self, rows):
        return Predicted(*(part[rows] for part in self.parts))

    @property
    def parts(self):
        return self.bias, self.deltas, self.inputs, self.unread


def predicted(rows, seed=1):
    rng = generator(seed)
    shapes = [(rows, 6), (rows, 2, 3), (rows, 2, 4), (rows, 5)]
    return Predicted(*(torch.randn(shape, generator=rng, dtype=DOUBLE) for shape in shapes))


def written_out(gradient):
    return Gradient({name: Dense(block.dense()) for name, block in gradient.blocks.items()})


def masks(victims=1, seed=3, share=0.7):
    """A mask for each parameter that reads about this share of it, at least one element and never all."""
    rng = generator(seed)
    found = {}
    for name in ("bias", "weight"):
        found[name] = torch.rand(victims, SIZES[name], generator=rng) < share
        found[name][:, 0], found[name][:, 1] = True, False
    found["unread"] = torch.zeros(victims, SIZES["unread"], dtype=torch.bool)
    return found


def targets(victims=1, noise_std=0.0, seed=2, read=None):
    """Normal readings where the masks are true, one noise level for each victim or for all."""
    rng, read = generator(seed), masks(victims) if read is None else read
    values = {
        name: torch.randn(victims, n, generator=rng, dtype=DOUBLE) * read[name] for name, n in SIZES.items()
    }
    return targets_of(values, read, noise_std)


def targets_of(values, read, noise_std=0.0):
    blocks = {name: Target(values[name], read[name].to(DOUBLE)) for name in SIZES}
    count = sum(mask.sum(1) for mask in read.values())
    mean_square = sum(value.square().sum(1) for value in values.values()) / count
    levels = torch.as_tensor(noise_std, dtype=DOUBLE).expand(len(mean_square))
    return Targets(blocks, levels, mean_square, examples=2)


def of_victim(many, victim):
    """One victim's targets out of many."""
    one = slice(victim, victim + 1)
    blocks = {name: Target(t.values[one], t.weights[one]) for name, t in many.blocks.items()}
    return replace(many, blocks=blocks, noise_std=many.noise_std[one], mean_square=many.mean_square[one])


def readable_pairs(gradient, one):
    """Predictions (R, m) and readings (m,) at the coordinates that were read of one victim."""
    names = list(SIZES)
    read = torch.cat([one.blocks[name].weights[0] for name in names]) > 0
    values = torch.cat([one.blocks[name].values[0] for name in names])
    return gradient.dense()[:, read], values[read]
