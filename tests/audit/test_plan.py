from typing import get_args

from gradveil.audit import load_preset
from gradveil.audit.plan import cases, choices
from gradveil.audit.specs import SelectiveSpec
from gradveil.calibration import NAMES


def test_every_case_has_its_own_key(tiny):
    keys = [case.key(tiny) for case in cases(tiny)]
    assert len(keys) == 2 * 1 * 4 * 2
    assert len(set(keys)) == len(keys)


def test_keys_depend_on_the_whole_configuration(tiny):
    other = tiny.model_copy(update={"seed": 1})
    assert {case.key(tiny) for case in cases(tiny)}.isdisjoint(case.key(other) for case in cases(other))


def test_keys_are_the_same_in_every_process(tiny):
    first = next(iter(cases(tiny)))
    assert first.key(tiny) == first.key(type(tiny).model_validate_json(tiny.model_dump_json()))


def test_the_quick_preset_covers_what_the_main_job_promises():
    grid = [(c.spec.kind, c.strategy, c.ratio) for c in choices(load_preset("quick"))]
    assert grid == [
        ("identity", None, None),
        ("gaussian_noise", None, None),
        ("selective_ckks", "random", 0.1),
        ("selective_ckks", "magnitude", 0.1),
        ("selective_ckks", "magnitude", 0.3),
        ("selective_ckks", "magnitude", 0.6),
        ("selective_ckks", "magnitude", 0.9),
        ("selective_ckks", "named", None),
        ("selective_ckks", "all", None),
        ("selective_packed", "all", None),
        ("secure_aggregation", None, None),
    ]


def test_every_strategy_that_selects_something_can_be_audited():
    assert {*get_args(SelectiveSpec.model_fields["strategy"].annotation), "none"} == set(NAMES)


def test_knobs_are_those_of_the_configuration(tiny):
    parts = [
        {"kind": "soteria"},
        {"kind": "gaussian_noise", "std": 0.1},
        {"kind": "gaussian_noise", "std": 0.2},
    ]
    specs = [{"kind": "uniform_quantisation", "bits": 4}, {"kind": "chain", "parts": parts}]
    changed = type(tiny).model_validate(
        tiny.model_dump() | {"defenses": [*tiny.model_dump()["defenses"], *specs]}
    )
    assert [choice.knobs for choice in choices(changed)] == [
        {},
        {"std": 0.01},
        {},
        {"clip": 8.0},
        {"bits": 4, "rounding": "stochastic", "bias_bits": None},
        {"soteria.share": 0.8, "soteria.layer": None, "gaussian_noise.std": 0.1, "gaussian_noise#2.std": 0.2},
    ]
