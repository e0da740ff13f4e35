"""A selection refined against an attack on public images, whose truth is nobody's."""

import numpy as np
import torch
from numpy.typing import NDArray

from attacks import Attack
from gradveil.calibration.errors import CalibrationError
from gradveil.calibration.examples import Examples
from gradveil.calibration.groups import coordinates, layers_of, partitions
from gradveil.exchange import (
    Clear,
    Coords,
    Layout,
    Observation,
    Selection,
    Update,
    Upload,
    observe,
)
from gradveil.metrics import psnr
from gradveil.selection import Ranking

_CLIENT = "public"

Mask = NDArray[np.bool_]


def adversarial(
    examples: Examples, start: Ranking, attack: Attack, ratio: float, exchanges: int = 16
) -> Ranking:
    """Exchanges channels between the encrypted and the readable part while the attack gets worse.

    Each time a random channel, of outputs or inputs of a layer, is encrypted whole, and as many encrypted
    coordinates that `start` ranks lowest are released; it stays so if the attack's mean PSNR falls.

    Args:
        examples: public images, each attacked after every exchange.
        start: where to start; decides the order inside both parts, so that all ratios stay nested.
        attack: the strongest that is affordable, `exchanges` + 1 times an example.
        ratio: share that is refined, the ranking's own from then on.
        exchanges: how many are tried.

    Raises:
        CalibrationError: nothing or everything is selected, so that there is nothing to exchange.
        LayoutMismatchError: a ranking of another model.
        AttackError: as of the attack.
    """
    layout = examples.model.layout
    layout.require_same(start.layout)
    mask = start.at(ratio).mask.copy()
    if mask.all() or not mask.any():
        raise CalibrationError(f"ratio {ratio} leaves nothing to exchange; choose one inside (0, 1)")
    best, channels = leaked(examples, mask, attack), _channels(layout)
    for number in torch.randint(len(channels), (exchanges,), generator=examples.torch_rng()).tolist():
        other = _exchanged(mask, channels[number], start.order)
        if np.array_equal(other, mask):
            continue
        if (found := leaked(examples, other, attack)) < best:
            mask, best = other, found
    first, rest = start.order[mask[start.order]], start.order[~mask[start.order]]
    ranked = Ranking.of_order(layout, np.concatenate([first, rest]), "adversarial", examples.sources)
    return Ranking(layout, ranked.scores, ranked.strategy, ranked.source, share=int(mask.sum()))


def leaked(examples: Examples, mask: Mask, attack: Attack) -> float:
    """Mean PSNR in dB of an attack on each example alone, with these coordinates encrypted."""
    rng, found = examples.torch_rng(), []
    for (image, _), update in zip(examples.each(), examples.sample.updates, strict=True):
        observation = _observation(examples, update, mask)
        reconstruction = attack.reconstruct(observation, examples.model, client=_CLIENT, rng=rng)
        found.append(float(psnr(reconstruction.images, image.cpu().numpy())[0]))
    return float(np.mean(found))


def _observation(examples: Examples, update: Update, mask: Mask) -> Observation:
    coords = Selection(update.layout, mask, "refined").complement
    upload = Upload(_CLIENT, update.layout, (Clear(coords, update.contribution()[coords]),))
    model = examples.model
    return observe(update.layout, [upload], [], model.knowledge(1))


def _exchanged(mask: Mask, channel: Coords, order: Coords) -> Mask:
    """The channel encrypted, and as many of the other encrypted coordinates released, the lowest first."""
    other = mask.copy()
    other[channel] = True
    surplus = int(other.sum() - mask.sum())
    outside = np.isin(order, channel, invert=True)
    released = order[mask[order] & outside][::-1][:surplus]
    other[released] = False
    return other if other.sum() == mask.sum() else mask


def _channels(layout: Layout) -> list[Coords]:
    found = []
    for tensors in layers_of(layout).values():
        here = coordinates(layout, tensors)
        for groups in partitions(layout, tensors):
            numbers = sorted(set(groups.tolist()))
            found += [here[groups == number].numpy() for number in numbers]
    return found
