import pytest

from gradveil.audit import AuditConfig
from gradveil.audit.plan import cases
from gradveil.audit.runner import Runner


@pytest.fixture(scope="module")
def records():
    config = AuditConfig.model_validate(
        {
            "name": "predicted",
            "models": ["lenet"],
            "victims": 2,
            "attacks": ["guess"],
            "predict": True,
            "defenses": [
                {"kind": "identity"},
                {"kind": "selective_ckks", "strategy": "random", "ratios": [0.1, 0.9]},
                {"kind": "selective_ckks", "strategy": "all"},
            ],
        }
    )
    return _records(config)


def _records(config):
    runner = Runner(config, "cpu")
    return [runner.run(case)[0] for case in cases(config)]


def _of(records, ratio):
    return [record for record in records if record.ratio == pytest.approx(ratio, abs=0.001)]


def test_more_encrypted_means_less_visible_and_a_worse_prediction(records):
    little, most, all_ = (_of(records, ratio)[0] for ratio in (0.1, 0.9, 1.0))
    assert little.visible > most.visible > all_.visible == pytest.approx(0, abs=1e-6)
    assert little.predicted_psnr > most.predicted_psnr > all_.predicted_psnr


def test_the_first_victims_selection_stands_for_all(records):
    for ratio in (0.1, 0.9):
        first, second = _of(records, ratio)
        assert (first.visible, first.predicted_psnr) == (second.visible, second.predicted_psnr)


def test_what_selects_nothing_is_not_predicted(records):
    plain = [record for record in records if record.strategy is None]
    assert plain
    assert all((one.visible, one.predicted_psnr, one.layers) == (None, None, {}) for one in plain)


def test_the_shares_of_the_tensors_are_those_of_the_selection(records):
    assert set(_of(records, 1.0)[0].layers.values()) == {1.0}
    layers = _of(records, 0.1)[0].layers
    assert max(layers.values()) < 0.3


def test_nothing_is_predicted_unless_asked_for(tiny):
    config = tiny.model_copy(update={"victims": 1, "attacks": ["guess"]})
    found = _records(config)
    assert all(record.visible is None for record in found)
    assert any(record.layers for record in found)
