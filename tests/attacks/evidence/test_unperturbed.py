"""Columns without noise, told by their zeros."""

import numpy as np
import pytest

from attacks import NotApplicableError
from attacks.evidence import Unperturbed, readable
from gradveil.exchange import Update
from tests.attacks.cases import CLIENT, seen

RNG = np.random.default_rng(0)


def perturbed(model, update, quiet):
    """Half of it pruned, noise on all columns but a share of them; and where what is left is exact."""
    parts, exact = [], []
    for one in model.layout.unflatten(update.vector).values():
        kept = np.abs(one) > np.median(np.abs(one))
        silent = np.broadcast_to(RNG.random(one.shape[1:]) < quiet, one.shape)
        parts.append((one * kept + np.where(silent, 0, RNG.normal(0, 1, one.shape))).ravel())
        exact.append((kept & silent & ~kept.all(0)).ravel())
    return Update(update.layout, np.concatenate(parts).astype(np.float32), update.weight), np.concatenate(
        exact
    )


def test_only_what_neither_pruning_nor_noise_has_changed_is_read(tiny, tiny_update):
    sent, exact = perturbed(tiny, tiny_update, 0.5)
    evidence = Unperturbed()(seen(tiny, sent), CLIENT, tiny)
    assert 0 < exact.sum() < exact.size / 2
    assert evidence.mask.tolist() == exact.tolist()
    assert evidence.values[evidence.mask].tolist() == tiny_update.contribution()[:-1][exact].tolist()


def test_an_update_without_zeros_was_sent_as_it_is(tiny, tiny_update):
    observation = seen(tiny, tiny_update)
    assert Unperturbed()(observation, CLIENT, tiny).mask.equal(readable(observation, CLIENT, tiny).mask)


def test_noise_everywhere_leaves_nothing(tiny, tiny_update):
    vector = RNG.normal(0, 1, tiny.layout.size).astype(np.float32)
    vector[tiny.layout.slices[tiny.layout.names[-1]]] = 0
    with pytest.raises(NotApplicableError, match="noise on every column"):
        Unperturbed()(seen(tiny, Update(tiny.layout, vector, 1)), CLIENT, tiny)
