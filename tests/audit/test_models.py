"""Defenses in the model in an audit, from their configuration to records."""

import pytest

from gradveil.audit.build import build_defense
from gradveil.audit.plan import cases
from gradveil.audit.runner import Runner
from gradveil.defenses.model import KeyLock, Precode, SecretPolarization
from tests.audit.test_defended import config, records

KEY_LOCK = {"kind": "key_lock", "activation": "sigmoid"}
POLARIZATION = {"kind": "secret_polarization", "private_weight": 0.1}
PRECODE = {"kind": "precode", "size": 32}
LEAST = [
    ("lenet_bn", KEY_LOCK, 60),
    ("lenet", POLARIZATION, 60),
    ("relu_mlp", PRECODE, 60),
    ("cnn", PRECODE, 60),
]


def about(network, defense, attacks, **knobs):
    return records(config([defense], attacks, models=[network], **knobs))


@pytest.mark.parametrize(("network", "defense", "least"), LEAST)
def test_an_adversary_who_knows_the_defense_has_the_image(network, defense, least):
    (adaptive,) = about(network, defense, ["adaptive"])
    assert (adaptive.status, adaptive.error) == ("ok", None)
    assert adaptive.psnr > least
    assert adaptive.label_accuracy == 1
    assert adaptive.defense == defense["kind"]
    assert adaptive.aggregate_error < 1e-6


def test_a_chain_with_an_update_part_runs_with_its_adversary():
    parts = [KEY_LOCK, {"kind": "top_k", "share": 0.3}]
    (record,) = about("lenet_bn", {"kind": "chain", "parts": parts}, ["guess"])
    assert (record.status, record.defense) == ("ok", "key_lock+top_k")
    assert record.knows["defense"].startswith("key_lock+top_k, key_lock.where first")
    assert 0 < record.aggregate_error < 1


def test_a_record_repeats_times_aside():
    first, again = (about("relu_mlp", PRECODE, ["adaptive"])[0] for _ in range(2))
    assert first.without_times() == again.without_times()


@pytest.mark.parametrize("defense", [KEY_LOCK, {"kind": "precode", "layer": "nowhere"}])
def test_a_network_without_a_place_for_the_defense_is_a_row(defense):
    (record,) = about("lenet", defense, ["guess"])
    assert record.status == "failed"
    assert "the network has no" in record.error


def test_specifications_carry_all_knobs():
    specs = [
        {"kind": "key_lock", "where": "all", "activation": "sigmoid", "key_size": 9, "buffers": "private"},
        {
            "kind": "secret_polarization",
            "private_weight": 2.0,
            "public_weight": 3.0,
            "bits": 5,
            "margin": 0.5,
        },
        {"kind": "precode", "size": 7, "divergence": 0.25, "layer": "5", "seed": 4},
    ]
    built = [build_defense(spec, 1) for spec in config(specs).defenses]
    assert built == [
        KeyLock("all", "sigmoid", 9, "private"),
        SecretPolarization(2.0, 3.0, 5, 0.5),
        Precode(7, 0.25, "5", 4),
    ]


def test_a_round_serves_all_attacks_with_the_same_public_network():
    settings = config([KEY_LOCK], ["guess", "mask_naive"], models=["lenet_bn"])
    runner = Runner(settings, "cpu")
    for case in cases(settings):
        runner.run(case)
    (round_,) = runner._latest_round.values()
    assert round_.model is not None
    assert round_.model.layout == round_.layout
