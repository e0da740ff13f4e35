"""Learning rates follow their published course."""

import pytest
import torch

from attacks.searches import CosineDecay


def factors(schedule, steps):
    return [float(schedule(torch.tensor(float(step)), steps)) for step in range(steps + 1)]


def test_cosine_decay_rises_then_falls_to_zero():
    found = factors(CosineDecay(warm_up=10), 200)
    top = max(range(len(found)), key=found.__getitem__)
    assert found[:top] == sorted(found[:top])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert top in (9, 10)
    assert found[0] == pytest.approx(1 / 11)
    assert found[100] == pytest.approx(0.5)
    assert found[-1] == pytest.approx(0, abs=1e-6)


def test_a_search_shorter_than_the_warm_up_still_ends_at_zero():
    found = factors(CosineDecay(), 20)
    assert 0 < max(found) < 1
    assert found[-1] == pytest.approx(0, abs=1e-6)
