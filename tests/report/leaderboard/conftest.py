"""A run in which one defense only looks safe, one is open, one holds; and trainings behind them."""

import hashlib
from dataclasses import replace

import pytest

from gradveil.records import RecordStore
from tests.report.conftest import HOSTILE, training, trial

ATTACKS = ("mask_naive", "inverting_gradients", "adaptive", "guess")
PSNR = {  # dB of each attack on victim 0; victims differ by 1 dB
    "identity": (60, 30, 70, 9),
    "soteria": (6, 8, 45, 9),
    "secure_aggregation": (5, 6, 9, 9),
    HOSTILE: (20, 18, 25, 9),
}
ACCURACY = {"identity": 0.9, "soteria": 0.85, "secure_aggregation": 0.9, HOSTILE: None}


def record(defense, knobs, attack, psnr, victim):
    one = trial("lenet", (defense, None, None), "mask_naive", victim)
    key = hashlib.sha256(repr((defense, attack, victim)).encode()).hexdigest()
    changes = {"attack": attack, "psnr": psnr, "status": "ok", "error": None, "knobs": knobs, "key": key}
    return replace(one, clients=4, claim=f"claim of {defense}", **changes)


def utility(defense, knobs, accuracy, key):
    one = training("lenet", (defense, None, None), accuracy)
    return replace(one, clients=4, knobs=knobs, key=key)


KNOBS = {"soteria": {"share": 0.8, "layer": None}}


@pytest.fixture(scope="session")
def records():
    return [
        record(defense, KNOBS.get(defense, {}), attack, psnr + victim, victim)
        for defense, values in PSNR.items()
        for attack, psnr in zip(ATTACKS, values, strict=True)
        for victim in range(3)
    ]


@pytest.fixture(scope="session")
def utilities():
    return [
        utility(defense, KNOBS.get(defense, {}), accuracy, f"{number:x}")
        for number, (defense, accuracy) in enumerate(ACCURACY.items())
    ]


@pytest.fixture(scope="session")
def board_run(tmp_path_factory, records, utilities):
    folder = tmp_path_factory.mktemp("board")
    for one in records:
        RecordStore(folder).append(one)
    for one in utilities:
        one.save(folder)
    return folder
