"""Defenses before the wire in an audit, from their configuration to records."""

import numpy as np
import pytest

from gradveil.audit import AuditConfig
from gradveil.audit.defended import defend
from gradveil.audit.plan import cases, choices
from gradveil.audit.runner import Runner
from gradveil.audit.specs import ChainSpec
from gradveil.defenses import DefenseError, MixUp, SecureAggregation, Soteria, TopK, Uniform, chain
from tests.audit.targets import LENET

PARTS = [
    {"kind": "top_k", "share": 0.1},
    {"kind": "random_pruning", "share": 0.5},
    {"kind": "sign"},
    {"kind": "uniform_quantisation", "bits": 8},
    {"kind": "clipped_noise", "clip": 1.0, "multiplier": 1e-3},
    {"kind": "clipped_noise", "clip": 1.0, "multiplier": 1e-3, "distribution": "laplace"},
    {"kind": "dp_sgd", "clip": 1.0, "multiplier": 1e-3},
    {"kind": "soteria", "share": 0.8},
    {"kind": "mixup"},
    {"kind": "ats", "policies": "3-1-7"},
    {"kind": "ada_defense"},
    {"kind": "censor", "trials": 2},
    {"kind": "outpost"},
    {"kind": "chain", "parts": [{"kind": "top_k", "share": 0.1}, {"kind": "sign"}]},
    {"kind": "chain", "parts": [{"kind": "soteria"}, {"kind": "secure_aggregation"}]},
]


def config(defenses, attacks=("guess",), **knobs):
    return AuditConfig.model_validate(
        {"name": "d", "models": ["lenet"], "victims": 1, "attacks": list(attacks), "defenses": defenses}
        | knobs
    )


def records(settings):
    runner = Runner(settings, "cpu")
    return [runner.run(case)[0] for case in cases(settings)]


@pytest.fixture(scope="module")
def table():
    return records(config(PARTS))


def test_every_kind_runs_and_says_what_it_is(table):
    assert [record.status for record in table] == ["ok"] * len(PARTS)
    names = [record.defense for record in table]
    assert names[:4] == ["top_k", "random_pruning", "sign", "uniform_quantisation"]
    assert names[-2:] == ["top_k+sign", "soteria+secure_aggregation"]
    assert table[0].knows["defense"] == "top_k, share 0.1"
    assert table[4].knows["noise"] == "gaussian, std 0.001"


def test_bytes_and_errors_are_those_of_the_defense(table):
    (plain,) = records(config([{"kind": "identity"}]))
    top, _, sign, words = (record.bytes_up / plain.bytes_up for record in table[:4])
    assert top < 0.2
    assert sign < 0.06
    assert words < 0.3
    assert plain.aggregate_error < 1e-6
    assert 0 < table[3].aggregate_error < table[2].aggregate_error < 1
    assert table[7].seconds_client > plain.seconds_client


def test_a_record_repeats_times_aside():
    settings = config([PARTS[1]], ["closed_form"])
    first, again = records(settings) + records(settings)
    assert first.without_times() == again.without_times()


def test_the_adaptive_adversary_is_that_of_the_defense():
    soteria, nothing = records(config([PARTS[7], {"kind": "identity"}], ["adaptive"], labels="granted"))
    assert (soteria.status, nothing.status) == ("ok", "ok")
    assert soteria.attack == "adaptive"
    assert min(soteria.psnr, nothing.psnr) > 20


def test_signs_are_read_better_by_who_knows_that_they_are_signs():
    found = records(config([{"kind": "sign"}], ["adaptive", "mask_aware"], labels="granted"))
    assert found[0].psnr > found[1].psnr + 3


def test_what_was_fed_in_is_the_target():
    runner = Runner(config([{"kind": "mixup"}], batch=4), "cpu")
    cohort, model = runner.targets.cohort(LENET, 0), runner.targets.model(LENET)
    mixed = defend(MixUp(), cohort, model, 0).cohort
    for name, images in cohort.images.items():
        shares = np.linalg.lstsq(images.reshape(4, -1).T, mixed.images[name].reshape(4, -1).T, rcond=None)[0]
        np.testing.assert_allclose(shares.sum(0), 1, atol=1e-4)
        assert not np.array_equal(cohort.updates[name].vector, mixed.updates[name].vector)


def test_mixtures_of_a_batch_are_of_that_batch():
    hidden = {"kind": "instahide", "images": 2, "centre": 0.25}
    (alone,), (pair,) = records(config([hidden])), records(config([hidden], batch=2))
    assert (alone.status, pair.status) == ("failed", "ok")
    assert "1 examples make no mixture of 2" in alone.error
    assert pair.knows["value_range"] == [-0.5, 1.0]


def test_a_defense_at_the_wire_leaves_the_cohort_alone():
    runner = Runner(config([{"kind": "identity"}]), "cpu")
    cohort = runner.targets.cohort(LENET, 0)
    assert defend(SecureAggregation(), cohort, runner.targets.model(LENET), 0).cohort is cohort


def test_a_defense_that_does_not_fit_the_network_is_a_row():
    (record,) = records(config([{"kind": "soteria", "layer": "nowhere"}]))
    assert record.status == "failed"
    assert "no linear layer nowhere" in record.error


def test_specifications_carry_all_knobs():
    specs = [{"kind": "uniform_quantisation", "bits": 3, "rounding": "nearest", "bias_bits": 9}, PARTS[13]]
    words, both = (choice.build(None, [_Weight()], None, None) for choice in choices(config(specs)))
    assert words == Uniform(3, "nearest", 9)
    assert both.parts[0] == TopK(0.1)


class _Weight:
    weight = 1


def test_parts_in_the_wrong_order_are_refused():
    parts = ChainSpec.model_validate({"kind": "chain", "parts": [PARTS[0], PARTS[7]]})
    (choice,) = choices(config([parts.model_dump()]))
    with pytest.raises(DefenseError, match="put it first"):
        choice.build(None, [_Weight()], None, None)
    assert chain(Soteria(), TopK(0.1)).parts[1] == TopK(0.1)
