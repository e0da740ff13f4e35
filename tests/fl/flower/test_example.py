"""The example trains as well with secure aggregation as without."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("flwr")

ROOT = Path(__file__).parents[3]


def test_the_example_trains_both_ways(tmp_path):
    command = [sys.executable, "examples/flower_secagg/run.py", "--nodes", "5", "--rounds", "2"]
    environment = {**os.environ, "FLOWER_SECAGG_KEYS": str(tmp_path), "FLWR_TELEMETRY_ENABLED": "0"}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    plain, masked = map(float, re.findall(r"0\.\d{4}", done.stdout.splitlines()[-1]))
    assert plain > 0.5
    assert abs(plain - masked) < 0.03
