"""Our side: the one place where the benchmark touches the engine in package `attacks`."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from attacks import LBFGS, Box, Found, GradientMatching, Model, Stage
from attacks.presets import mask_aware
from attacks.searches.adam import Adam
from gradveil.bench.attacks_contender import STEP_SIZE, Images, timed
from gradveil.bench.attacks_networks import CLASSES
from gradveil.bench.attacks_victim import Victim
from gradveil.bench.results import OURS
from gradveil.exchange import Clear, Observation, Update, Upload, observe

_CLIENT, _SEED, _SCREENING = "victim", 0, 30


class Batched:
    """Adam on the Gaussian likelihood of everything that is readable: all restarts at once."""

    name, package = "gradient matching:", OURS

    def start(self, victim: Victim, restarts: int) -> "BatchedSteps":
        """See `Racer.start`."""
        return BatchedSteps(victim, restarts)


class BatchedSteps:
    """It runs from the start each time, as its users do."""

    def __init__(self, victim: Victim, restarts: int) -> None:
        self._victim, self._restarts = victim, restarts

    def seconds(self, steps: int) -> float:
        """Of so many steps more than one, so that what is done but once cancels out."""
        return self._whole(steps + 1) - self._whole(1)

    def _whole(self, steps: int) -> float:
        work = partial(descended, self._victim, self._restarts, steps)
        return timed(work, self._victim.image.device)[0]


class Matching:
    """Preset `mask_aware`."""

    name, package = "gradient matching:", OURS

    def reconstruct(self, victim: Victim, restarts: int, iterations: int) -> Images:
        """See `Adversary.reconstruct`."""
        screening = Stage(LBFGS(iterations=min(_SCREENING, iterations)), keep=1, screening=True)
        stages = (screening, Stage(LBFGS(iterations=iterations)))
        attack = mask_aware()
        assert isinstance(attack, GradientMatching)  # noqa: S101 - it is a preset of ours
        return _found(replace(attack, stages=stages, restarts=restarts), victim).images


def descended(victim: Victim, restarts: int, steps: int) -> Found:
    """The best of all restarts after so many steps of Adam, without a prior."""
    search = Adam(iterations=steps, learning_rate=STEP_SIZE)
    return _found(GradientMatching(prior=Box(weight=0.0), stages=(Stage(search),), restarts=restarts), victim)


def _found(attack: GradientMatching, victim: Victim) -> Found:
    model = Model(victim.network, tuple(victim.image.shape[1:]), CLASSES)
    rng = torch.Generator().manual_seed(_SEED)
    return attack.reconstruct(_observation(victim, model), model, client=_CLIENT, rng=rng)


def _observation(victim: Victim, model: Model) -> Observation:
    """What a server reads of an update that nothing protects."""
    values = torch.cat([gradient.flatten() for gradient in victim.gradients]).cpu().numpy()
    contribution = Update(model.layout, values, 1).contribution()
    upload = Upload(_CLIENT, model.layout, (Clear(np.arange(contribution.size), contribution),))
    labels = {_CLIENT: (int(victim.label),)}
    knowledge = replace(model.knowledge(1), labels=labels)
    return observe(model.layout, [upload], [], knowledge)
