"""The main job as the README tells it; `make test-all` runs it."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quick")
    command = [sys.executable, "-m", "gradveil", "audit", "--preset", "quick", "--json", "--out", "run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603
    return [json.loads(line) for line in done.stdout.splitlines()]


def mean_psnr(records, attack, strategy, ratio):
    values = [
        record["psnr"]
        for record in records
        if (record["model"], record["attack"], record["strategy"]) == ("lenet", attack, strategy)
        and abs(record["ratio"] - ratio) < 1e-3
    ]
    assert len(values) == 5
    return np.mean(values)


def test_no_trial_fails(records):
    assert {record["status"] for record in records} == {"ok", "inapplicable"}
    assert len(records) == 440


@pytest.mark.parametrize(("ratio", "reached"), [(0.1, 60), (0.3, 60), (0.6, 30)])
def test_most_ratios_look_safe_and_are_open(records, ratio, reached):
    assert mean_psnr(records, "mask_naive", "magnitude", ratio) < 10
    assert mean_psnr(records, "mask_aware", "magnitude", ratio) > reached


def test_matching_ends_as_the_ratio_grows(records):
    assert mean_psnr(records, "mask_aware", "magnitude", 0.9) < 10


def test_the_linear_layer_still_speaks_at_90_percent(records):
    assert mean_psnr(records, "closed_form", "magnitude", 0.9) > 12


def test_everything_encrypted_leaves_the_guess(records):
    readable = [record["attack"] for record in records if record["strategy"] == "all" and record["psnr"]]
    assert set(readable) == {"guess"}
