"""An audit of 500 trials loses none and repeats none, however often it is killed."""

import json
import random
import shutil
from pathlib import Path

import pytest

from tests.e2e.test_kill import kill_after, lines, start, without_times

CONFIG = Path(__file__).parents[2] / "benchmarks" / "audit" / "scale.toml"
TRIALS, KILLS = 500, 3


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_five_hundred_trials_killed_three_times(tmp_path):
    shutil.copy(CONFIG, tmp_path / "audit.toml")
    for count in sorted(random.Random(0).sample(range(1, TRIALS), KILLS)):  # noqa: S311
        kill_after(tmp_path, "killed", count)
    assert start(tmp_path, "killed").wait(timeout=600) == 0
    assert start(tmp_path, "whole").wait(timeout=600) == 0
    killed, whole = (
        {json.loads(line)["key"]: without_times(line) for line in lines(tmp_path, out)}
        for out in ("killed", "whole")
    )
    assert len(lines(tmp_path, "killed")) == len(killed) == TRIALS
    assert killed == whole
