"""Named adversaries are there by their names, and the baseline reads nothing."""

import numpy as np
import pytest

from attacks import PRESETS, Attack, AttackError, preset, readable, zero_filled
from tests.attacks.cases import CLIENT, generator, seen


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_an_attack_with_a_citation(name):
    attack = preset(name)
    assert isinstance(attack, Attack)
    assert attack.name
    assert attack.citation


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttackError, match=r"closed_form, mask_naive, .*, guess, .*, dlg"):
        preset("oracle")


def test_the_two_matching_presets_differ_in_their_view_only():
    aware, naive = preset("mask_aware"), preset("mask_naive")
    assert (aware.view, naive.view) == (readable, zero_filled)
    assert (aware.prior, aware.likelihood, aware.stages) == (naive.prior, naive.likelihood, naive.stages)


def test_the_guess_is_the_middle_of_the_range_whatever_was_read(tiny, tiny_update):
    observation = seen(tiny, tiny_update, hidden=np.arange(tiny.layout.size), value_range=(-1.0, 0.0))
    found = preset("guess").reconstruct(observation, tiny, client=CLIENT, rng=generator())
    assert (found.images == -0.5).all()
    assert found.labels is None


def test_the_guess_gives_one_image_for_each_example(tiny, tiny_update):
    observation = seen(tiny, tiny_update, batch_size=5)
    found = preset("guess").reconstruct(observation, tiny, client=CLIENT, rng=generator())
    assert found.images.shape == (5, *tiny.input_shape)
