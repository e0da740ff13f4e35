"""From a question to its answer."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attacks import Model
from gradveil.exchange import (
    Clear,
    Knowledge,
    Layout,
    Observation,
    Selection,
    Update,
    Upload,
    WireError,
    observe,
)
from gradveil.inspection.answer import Answer
from gradveil.inspection.attempts import CLIENT, attempt
from gradveil.inspection.errors import InspectionError
from gradveil.inspection.files import read_layout, read_update, reordered
from gradveil.inspection.network import load_model
from gradveil.inspection.question import Question

Progress = Callable[[str], None]
"""Called with the name of each preset before it runs."""


def ask(question: Question, progress: Progress) -> Answer:
    """Try each preset on what is readable of the update.

    Raises:
        GradveilError: model, update, layout or selection are broken or do not belong together.
        OSError: a file cannot be read.
    """
    model = load_model(question)
    knowledge = _knowledge(question, model)
    update, closed = _update(question, model.layout)
    digest = hashlib.sha256(question.update.read_bytes()).hexdigest()
    observation = _observed(update, closed, knowledge)
    attempts = []
    for name in question.presets:
        progress(name)
        attempts.append(attempt(name, observation, model, question.seed))
    return Answer(question, knowledge, digest, float(closed.mean()), tuple(attempts))


def _knowledge(question: Question, model: Model) -> Knowledge:
    labels = question.labels
    if labels is not None and not set(labels) <= set(range(model.classes)):
        raise InspectionError(f"labels {labels} are not all in 0 .. {model.classes - 1}; correct them")
    return replace(
        model.knowledge(question.batch),
        labels=None if labels is None else {CLIENT: labels},
        defense="none" if question.selection is None else "selected coordinates closed, positions public",
    )


def _update(question: Question, target: Layout) -> tuple[Update, NDArray[np.bool_]]:
    """The update and which of its coordinates are closed, both in the order of the model's parameters."""
    layout = target if question.layout is None else read_layout(question.layout)
    values = read_update(question.update, layout, flat=question.layout is not None)
    update = Update(target, reordered(values, layout, target), question.batch)
    return update, reordered(_selected(question, layout), layout, target)


def _selected(question: Question, layout: Layout) -> NDArray[np.bool_]:
    if question.selection is None:
        return np.zeros(layout.size, dtype=np.bool_)
    try:
        return Selection.load(question.selection, layout).mask
    except WireError as error:
        raise InspectionError(f"{question.selection}: {error}") from error


def _observed(update: Update, closed: NDArray[np.bool_], knowledge: Knowledge) -> Observation:
    """What a server holds that reads the number of examples and every coordinate that is not closed."""
    coords = np.append(np.flatnonzero(~closed), update.layout.weight_coord)
    upload = Upload(CLIENT, update.layout, (Clear(coords, update.contribution()[coords]),))
    return observe(update.layout, [upload], [], knowledge)
