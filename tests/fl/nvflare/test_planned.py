"""A file of `gradveil plan`, unchanged, is all that an NVFlare job needs besides its keys."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nvflare")

import torch

from gradveil.fl.nvflare import KEYS_VARIABLE
from gradveil.plan import load
from tests.fl.nvflare.planned_sites import SITES
from tests.fl.opening import opened
from tests.fl.planned import CLIENTS, ENCRYPTED, ROUNDS, assert_trained_as_without, made, values_of

ROOT = Path(__file__).parents[3]


def simulated(planned, folder):
    """The server's own copy of the model, and what it cannot read of it."""
    own = {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT), KEYS_VARIABLE: str(planned.keys)}
    command = [sys.executable, "-m", "tests.fl.nvflare.planned_sites", str(folder)]
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    (model,), (sealed,) = (folder.glob(f"run/**/{name}") for name in ("FL_global_model.pt", "sealed_model"))
    state = torch.load(model, weights_only=True)["model"]
    return {name: torch.as_tensor(value).numpy() for name, value in state.items()}, sealed.read_bytes()


def unprotected(planned):
    """Federated averaging in float64."""
    values = values_of(planned.network)
    for _ in range(ROUNDS):
        trained = [planned.train(number, values) for number in range(CLIENTS)]
        total = sum(examples for _, examples, _ in trained)
        values = {
            name: sum(examples * np.float64(one[name]) for one, examples, _ in trained) / total
            for name in values
        }
        values = {name: np.asarray(value, np.float32) for name, value in values.items()}
    return values


@pytest.mark.timeout(600)
def test_a_planned_job_trains_as_without_protection(tmp_path):
    planned = made(tmp_path, ENCRYPTED["packed"], SITES)
    shutil.copy(planned.plan, planned.keys / "job.plan")
    copy, sealed = simulated(planned, tmp_path)
    plan = load(planned.plan)
    values = opened(plan, planned.keys, SITES[0], copy, sealed)
    assert_trained_as_without(planned, plan, values, unprotected(planned))
