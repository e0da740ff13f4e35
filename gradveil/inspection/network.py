"""From what a user calls the model to the model as an adversary holds it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import nn

from attacks import Model
from gradveil.inspection.errors import InspectionError, reason_of
from gradveil.models import build, normalised
from gradveil.torchvision_ops import define_missing_ops


class Source(Protocol):
    """Where a network comes from and what it takes; fields as of `Question`."""

    @property
    def model(self) -> str:
        """A name."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""

    @property
    def classes(self) -> int:
        """Of a network of gradveil.models."""

    @property
    def value_range(self) -> tuple[float, float]:
        """Black and white."""

    @property
    def batch_norm(self) -> Literal["running", "batch"]:
        """Whose statistics clients normalise by."""

    @property
    def device(self) -> str:
        """Where it lives."""


def load_model(question: Source) -> Model:
    """`load_network` as an adversary holds it; raises as that does."""
    network = load_network(question)
    return Model(network, question.input_shape, logits_of(network, question), question.batch_norm)


def load_network(question: Source) -> nn.Module:
    """The network as a function of images in [0, 1], whatever values its own inputs have.

    Raises:
        InspectionError: there is no such model, or it does not map these images to logits.
        GradveilError: gradveil.models has no such network.
    """
    network = _called(question.model) if ":" in question.model else _built_in(question)
    network = network.to(torch.device(question.device), torch.float32).eval()
    if question.value_range != (0.0, 1.0):
        low, high = question.value_range
        network = normalised(network, (-low / (high - low),), (1 / (high - low),))
    return network


def _built_in(question: Source) -> nn.Module:
    name, _, seed = question.model.partition("@")
    if seed and not (seed.isascii() and seed.isdigit() and int(seed) < 2**63):
        raise InspectionError(f"{question.model!r} is neither module:callable nor NAME@SEED; e.g. lenet@0")
    return build(name, question.input_shape, question.classes, int(seed or 0))


def _called(source: str) -> nn.Module:
    module, _, path = source.partition(":")
    if module.partition(".")[0] == "torchvision":
        define_missing_ops()
    try:
        with _importable(Path.cwd()):
            network = attrgetter(path)(import_module(module))()
    except Exception as error:  # this runs a user's code, which may raise anything
        raise InspectionError(
            f"{source!r} gives no model ({reason_of(error)}); name a module and a callable in it that takes "
            "no arguments and returns a torch.nn.Module"
        ) from error
    if not isinstance(network, nn.Module):
        raise InspectionError(f"{source!r} returned {type(network).__name__}; return a torch.nn.Module")
    return network


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules in this folder can be imported, as if Python had been started in it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def logits_of(network: nn.Module, question: Source) -> int:
    """Number of classes, from one black image."""
    source, shown = question.model, "x".join(map(str, question.input_shape))
    try:
        with torch.no_grad():
            logits = network(torch.zeros(1, *question.input_shape, device=question.device))
    except Exception as error:  # as above
        raise InspectionError(
            f"{source!r} does not take images of {shown} ({reason_of(error)}); give their --shape"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or logits.shape[1] < 2:
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InspectionError(f"{source!r} returns {found} for one image; return logits (1, classes)")
    return int(logits.shape[1])
