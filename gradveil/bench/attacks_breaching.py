"""The peer: `breaching`, through its own configurations and its own reconstruction loop."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from io import StringIO
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gradveil.bench.attacks_contender import STEP_SIZE, Images
from gradveil.bench.attacks_networks import CLASSES
from gradveil.bench.attacks_victim import Victim
from gradveil.bench.memory import MeasurementError
from gradveil.torchvision_ops import define_missing_ops

define_missing_ops()

import breaching  # noqa: E402 - imports torchvision

_SEED = 0
_PACKAGE = f"breaching {version('breaching')}"
_LABEL_GIVEN = "attack_type=optimization"
_NO_VARIATION, _COLOURS = "regularization.total_variation.scale=0", 3
_ADAM = (_LABEL_GIVEN, "optim.optimizer=Adam", f"optim.step_size={STEP_SIZE}")


class BreachingSteps:
    """Its DLG with Adam instead of L-BFGS."""

    name = "breaching, Adam:"
    package = f"{_PACKAGE} (Adam)"

    def start(self, victim: Victim, restarts: int) -> "_Steps":
        """See `Racer.start`."""
        return _Steps(victim, restarts)


class _Steps:
    """It runs from the start each time: its loop cannot be resumed."""

    def __init__(self, victim: Victim, restarts: int) -> None:
        self._victim, self._restarts = victim, restarts

    def seconds(self, steps: int) -> float:
        """From one call of the loss to the next: set-up, scores and log lines at the ends are left out.

        Raises:
            MeasurementError: a restart ended early.
        """
        stamps: list[float] = []

        def loss(logits: Tensor, labels: Tensor) -> Tensor:
            stamps.append(perf_counter())
            return F.cross_entropy(logits, labels)

        _reconstruct("deepleakage", self._victim, self._restarts, steps + 1, _ADAM, loss)
        # The last call of each restart scores its result.
        trials = np.asarray(stamps)
        if trials.size != self._restarts * (steps + 2):
            raise MeasurementError("a restart of breaching ended early; try another version of it")
        trials = trials.reshape(self._restarts, steps + 2)
        return float((trials[:, steps] - trials[:, 0]).sum())


class Breaching:
    """One of its published attacks with all its settings, but for the label, which is given.

    Images that are not in colour lose the total variation: breaching computes it for three channels only.
    """

    def __init__(self, attack: str) -> None:
        self._attack = attack
        self.name = f"breaching, {attack}:"
        self.package = f"{_PACKAGE} ({attack})"

    def reconstruct(self, victim: Victim, restarts: int, iterations: int) -> Images:
        """See `Adversary.reconstruct`."""
        smooth = self._attack == "invertinggradients" and victim.image.shape[1] != _COLOURS
        overrides = (_LABEL_GIVEN, *((_NO_VARIATION,) if smooth else ()))
        return _reconstruct(self._attack, victim, restarts, iterations, overrides, F.cross_entropy)


def _reconstruct(
    attack: str,
    victim: Victim,
    restarts: int,
    iterations: int,
    overrides: Sequence[str],
    loss: Any,  # noqa: ANN401 - a loss of logits and labels
) -> Images:
    lengths = (f"optim.max_iterations={iterations}", f"restarts.num_trials={restarts}")
    setup = {"device": victim.image.device, "dtype": torch.float}
    with _contained():
        config = breaching.get_attack_config(attack, overrides=[*overrides, *lengths])
        attacker = breaching.attacks.prepare_attack(victim.network, loss, config, setup)
        found, _ = attacker.reconstruct([_payload(victim)], [_shared(victim)], server_secrets={})
    image: Tensor = found["data"]
    return image.clamp(0, 1).cpu().numpy()


@contextmanager
def _contained() -> Iterator[None]:
    """It prints, calls hydra in a way that warns, and draws from torch's global generator."""
    with redirect_stdout(StringIO()), warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(_SEED)
        yield


def _payload(victim: Victim) -> dict[str, Any]:
    """What the server sent: the model, and that pixels are not normalised."""
    channels, *sides = victim.image.shape[1:]
    data = [f"data.shape={[channels, *sides]}", f"data.classes={CLASSES}"]
    unscaled = [f"data.mean={[0.0] * channels}", f"data.std={[1.0] * channels}"]
    case = breaching.get_case_config("1_single_image_small", overrides=[*data, *unscaled])
    parameters = [parameter.detach() for parameter in victim.network.parameters()]
    return {"parameters": parameters, "buffers": list(victim.network.buffers()), "metadata": case.data}


def _shared(victim: Victim) -> dict[str, Any]:
    """What the client sent."""
    about = {"num_data_points": 1, "labels": victim.label, "local_hyperparams": None, "data_key": "inputs"}
    return {"gradients": list(victim.gradients), "buffers": None, "metadata": about}
