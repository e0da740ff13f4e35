"""Last layers of known embeddings and labels, and updates with parts of the last layer hidden."""

from dataclasses import replace

import numpy as np
import torch

from attacks import readable, restore_labels
from attacks.labels.head import Head
from tests.attacks.cases import CLIENT, generator, images_of, seen, update_of


def head_of(embeddings, labels, classes, scale=0.1, seed=0):
    """A fully read layer with weights N(0, scale^2) and its exact gradient."""
    rng = generator(seed)
    weight = scale * torch.randn(classes, embeddings.shape[1], generator=rng, dtype=torch.float64)
    bias = scale * torch.randn(classes, generator=rng, dtype=torch.float64)
    deltas = (embeddings @ weight.T + bias).softmax(1) - torch.eye(classes, dtype=torch.float64)[labels]
    return Head(
        weight=weight,
        bias=bias,
        biased=True,
        weight_sums=deltas.T @ embeddings,
        bias_sums=deltas.sum(0),
        weight_seen=torch.ones_like(weight, dtype=torch.bool),
        bias_seen=torch.ones_like(bias, dtype=torch.bool),
        typical=embeddings.mean(0),
        noise_std=0.0,
    )


def hide(head, weight=None, bias=None):
    """The same layer with entries hidden where the masks are true."""
    weight = torch.zeros_like(head.weight_seen) if weight is None else weight
    bias = torch.zeros_like(head.bias_seen) if bias is None else bias
    return replace(
        head,
        weight_sums=torch.where(weight, 0.0, head.weight_sums),
        bias_sums=torch.where(bias, 0.0, head.bias_sums),
        weight_seen=~weight,
        bias_seen=~bias,
    )


def class_embeddings(classes, width=12, seed=0):
    """Non-negative embeddings (K, d), one for each class."""
    return torch.rand(classes, width, generator=generator(100 + seed), dtype=torch.float64)


def last_layer(model, rows=None, parts=("weight", "bias")):
    """Coordinates of rows of the last linear layer, all of them unless some are given."""
    weight, bias, inputs = model.linear_parts(model.linear_layers[-1])
    rows = np.arange(model.classes) if rows is None else np.atleast_1d(rows)
    own = {"weight": weight.start + (rows[:, None] * inputs + np.arange(inputs)).ravel()}
    own["bias"] = bias.start + rows
    return np.concatenate([own[part] for part in parts])


def restored(model, labels, hidden=(), seed=0, **granted):
    update = update_of(model, images_of(model, len(labels), seed), labels)
    return restore_labels(readable(seen(model, update, hidden, **granted), CLIENT, model), model)
