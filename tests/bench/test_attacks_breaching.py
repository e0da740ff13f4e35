"""breaching's own code, where it is installed: its loop is timed step by step, and it reconstructs."""

from importlib.util import find_spec

import pytest
import torch

from gradveil.bench.attacks import run_attacks
from gradveil.bench.attacks_plan import AttackMetric, AttackPlan, Setting
from gradveil.bench.attacks_results import AttackSamples
from gradveil.bench.attacks_victim import Victim
from gradveil.metrics import psnr

pytestmark = [
    pytest.mark.skipif(find_spec("breaching") is None, reason="missing: pip install 'gradveil[peers]'"),
    pytest.mark.filterwarnings("default"),  # it warns when it is imported
]

SETTING = Setting.of("FedAvg CNN", 2)


@pytest.fixture(scope="module")
def peer():
    from gradveil.bench import attacks_breaching

    return attacks_breaching


@pytest.fixture(scope="module")
def victim():
    return Victim.of(SETTING)


def test_it_reads_what_its_dlg_can_read(peer, victim):
    state = torch.random.get_rng_state()
    found, again = (peer.Breaching("deepleakage").reconstruct(victim, 1, 12) for _ in range(2))
    assert psnr(found, victim.image.numpy())[0] > 40
    assert (found == again).all()
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 12, 12)])
def test_inverting_gradients_runs_on_any_number_of_channels(peer, shape):
    victim = Victim.of(Setting.of("LeNet", 1, shape=shape))
    found = peer.Breaching("invertinggradients").reconstruct(victim, 1, 3)
    assert found.shape == (1, *shape)
    assert 0 <= found.min() <= found.max() <= 1


def test_its_steps_are_timed_without_what_surrounds_them(peer, victim, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(peer, "perf_counter", lambda: next(ticks))
    assert peer.BreachingSteps().start(victim, 3).seconds(5) == 3 * 5


def test_it_is_compared_and_prints_nothing(capfd):
    samples, setting = AttackSamples(), Setting.of("LeNet", 2, shape=(1, 12, 12))
    plan = AttackPlan((setting,), (setting,), (), 1, 0.05, 1, 0.01, peers=True, most_steps=2)
    run_attacks(plan, samples)
    compared = {each.peer_package for each in samples.ratios() if "breaching" in each.peer_package}
    assert compared == {"breaching 0.1.2 (Adam)"}
    scored = {cell.name for cell in samples.medians() if cell.metric is AttackMetric.PSNR_AT_BUDGET}
    assert {"breaching, deepleakage:", "breaching, invertinggradients:"} < scored
    assert capfd.readouterr().out == ""
