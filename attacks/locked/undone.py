"""The layers behind a lock, undone."""

from dataclasses import replace

import torch

from attacks.evidence import Evidence, tensor_read
from attacks.exact.recursion.head import Head
from attacks.exact.recursion.rgap import undone
from attacks.locked.normalised import Behind
from attacks.locked.sites import LockedChain
from attacks.model import Model


def behind_lock(head: Head, chain: LockedChain, evidence: Evidence, model: Model) -> Behind:
    """What enters the activation behind the lock, and the gradient there."""
    solutions, back = undone(_as_sent(head, chain, evidence, model), chain.rest, evidence, model)
    values = solutions[-1].inputs
    arguments, known = chain.activation.inverted(values)
    slopes = chain.activation.slopes(values).clamp_min(0.0)
    parts = arguments, known, back * slopes, slopes / slopes.max()
    return Behind(*(one.reshape(chain.first.output_shape[0], -1) for one in parts))


def _as_sent(head: Head, chain: LockedChain, evidence: Evidence, model: Model) -> Head:
    """The head with the derivatives at the logits that the client itself computed, where they are read.

    In float32, p - 1 of a class that is nearly certain has lost its last digits, and so have all gradients
    that follow from it: those of a trained network.
    """
    name = f"{chain.rest.layers[-1].name}.bias"
    if name not in model.parameters:
        return head
    values, seen = (one.to(head.deltas.device) for one in tensor_read(evidence, model, name))
    return replace(head, deltas=torch.where(seen, values.to(head.deltas), head.deltas))
