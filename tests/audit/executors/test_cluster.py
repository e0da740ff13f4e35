"""Trials on Ray; without Ray installed (`make test-ray` has it), only the refusal is tested."""

import gc
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from examples.flower_deployment.processes import descendants
from gradveil.audit import AuditConfig, Cluster, Processes, WorkerError, run_audit
from gradveil.audit.executors import LOCAL
from gradveil.audit.plan import cases
from tests.ray_sessions import own_ray

# Ray forgets its processes and the files they print to; they are collected here, not in a later test.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is an extra")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Not among others' sessions."""
    with own_ray() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield
        gc.collect()


@pytest.fixture
def config(tmp_path):
    """16 trials of milliseconds."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 6, 6, 1), np.uint8)
    np.savez(tmp_path / "noise.npz", images=images, labels=rng.integers(0, 3, 60))
    return AuditConfig.model_validate(
        {
            "name": "ray",
            "data": f"npz:{tmp_path / 'noise.npz'}",
            "models": ["relu_mlp"],
            "seeds": [3, 4],
            "train_steps": [0, 2],
            "victims": 1,
            "attacks": ["guess", "closed_form"],
            "defenses": [{"kind": "identity"}, {"kind": "gaussian_noise", "std": 0.01}],
        }
    )


def by_key(records):
    return {record.key: record.without_times() for record in records}


def run(config, folder, executor):
    records = run_audit(config, folder, executor=executor, progress=lambda done, total: None)
    assert len(records) == len((folder / "records.jsonl").read_bytes().splitlines())
    return records


def killed_in_a_trial(over):
    """Whether a worker of ours was seen, and killed, in the middle of a trial before all was over."""
    while not over.is_set():
        for pid in descendants(os.getpid()):
            with suppress(OSError):  # it ended while we looked
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::_run"):
                    os.kill(pid, signal.SIGKILL)
                    return True
    return False


def test_without_ray_the_remedy_is_named(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match=r"pip install 'gradveil\[ray\]'"):
        next(Cluster(LOCAL).run(config, list(cases(config))))


@needs_ray
def test_a_local_cluster_gives_the_records_of_local_processes(config, tmp_path):
    on_ray = run(config, tmp_path / "ray", Cluster(LOCAL))
    assert len(on_ray) == 16
    assert by_key(on_ray) == by_key(run(config, tmp_path / "processes", Processes("cpu", 1)))
    assert run(config, tmp_path / "ray", Cluster(LOCAL)) == on_ray


@needs_ray
def test_the_trials_of_a_killed_worker_run_again(config):
    config = config.model_copy(update={"train_steps": [0, 1000]})
    pending, over = list(cases(config)), Event()
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(killed_in_a_trial, over)
        try:
            keys = [record.key for record, _ in Cluster(LOCAL).run(config, pending)]
        finally:
            over.set()
    assert killed.result()
    assert sorted(keys) == sorted(case.key(config) for case in pending)


@needs_ray
def test_what_a_cluster_lacks_is_refused(config):
    with pytest.raises(WorkerError, match=r"one CPU and 0\.25 GPUs, which the Ray cluster does not have"):
        next(Cluster(LOCAL, gpus_per_trial=0.25).run(config, list(cases(config))))


@needs_ray
def test_a_gpu_is_shared_by_as_many_trials_as_fit(monkeypatch):
    import ray

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init(address="local", num_cpus=8, num_gpus=1, include_dashboard=False, log_to_driver=False)
    try:
        assert Cluster("auto", gpus_per_trial=0.25)._slots(ray) == 4
        assert Cluster("auto", gpus_per_trial=0.05)._slots(ray) == 8
        assert Cluster("auto")._slots(ray) == 8
    finally:
        ray.shutdown()


@needs_ray
def test_data_that_a_worker_cannot_read_is_no_row(config):
    elsewhere = config.model_copy(update={"data": ["npz:/nowhere/noise.npz"]})
    pending = [replace(case, target=replace(case.target, data=elsewhere.data[0])) for case in cases(config)]
    with pytest.raises(WorkerError, match=r"a worker cannot work: .*nowhere"):
        next(Cluster(LOCAL).run(elsewhere, pending))


@needs_ray
def test_an_address_without_a_cluster_is_named(config):
    with pytest.raises(WorkerError, match="no Ray cluster at 'nowhere'"):
        next(Cluster("nowhere").run(config, list(cases(config))))
