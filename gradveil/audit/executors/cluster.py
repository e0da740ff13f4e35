"""Trials on a Ray cluster (Moritz et al., OSDI 2018); the driver alone writes records."""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import torch

from gradveil.audit.config import AuditConfig
from gradveil.audit.executors.base import Done, ready_runner
from gradveil.audit.plan import Case
from gradveil.audit.runner import Runner
from gradveil.audit.workers import WorkerError

LOCAL = "local"
"""The address that starts a cluster on this machine for the length of one run."""

_RETRIES = 3
_AHEAD = 4
"""Trials handed out for each that can run; more would only hold their pictures in memory."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster, or one for this run alone. Each trial takes one CPU.

    Attributes:
        address: `HOST:PORT`, `auto`, `ray://HOST:PORT`, or `local`.
        gpus_per_trial: share of a GPU that a trial takes; without, trials run on the CPU.
        workers: of a local cluster.
    """

    address: str
    gpus_per_trial: float = 0.0
    workers: int = 2

    def run(self, config: AuditConfig, pending: Sequence[Case]) -> Generator[Done, None, None]:
        """As an executor does; a trial whose worker is lost runs again, up to three times."""
        ray = _ray()
        with self._connected(ray):
            yield from self._finished(ray, config, pending, _AHEAD * self._slots(ray))

    @contextmanager
    def _connected(self, ray: Any) -> Iterator[None]:  # noqa: ANN401 -- ray may not be installed
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # an audit reports to nobody
        # A trial without a GPU asks for the CPU by itself; a tip to set this would be printed otherwise.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        local = {"num_cpus": self.workers, "include_dashboard": False} if self.address == LOCAL else {}
        address = "local" if self.address == LOCAL else self.address
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **local)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise WorkerError(f"no Ray cluster at {self.address!r} ({reason}); check --ray") from error
        try:
            yield
        finally:
            ray.shutdown()

    def _slots(self, ray: Any) -> int:  # noqa: ANN401
        """How many trials the cluster can run at a time."""
        has = ray.cluster_resources()
        slots = has.get("CPU", 0.0)
        if self.gpus_per_trial:
            slots = min(slots, has.get("GPU", 0.0) / self.gpus_per_trial)
        if slots < 1:
            needs = "one CPU" + (f" and {self.gpus_per_trial:g} GPUs" if self.gpus_per_trial else "")
            raise WorkerError(f"a trial takes {needs}, which the Ray cluster does not have; add a node")
        return int(slots)

    def _finished(
        self,
        ray: Any,  # noqa: ANN401
        config: AuditConfig,
        pending: Sequence[Case],
        at_once: int,
    ) -> Generator[Done, None, None]:
        task = ray.remote(num_cpus=1, num_gpus=self.gpus_per_trial, max_retries=_RETRIES)(_run)
        text, device = ray.put(config.model_dump_json()), "cuda" if self.gpus_per_trial else "cpu"
        queue, lost = iter(pending), 0
        running = [task.remote(text, device, case) for case in islice(queue, at_once)]
        while running:
            (done,), running = ray.wait(running)
            running += [task.remote(text, device, case) for case in islice(queue, 1)]
            try:
                yield ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise WorkerError(f"a worker cannot work: {' '.join(str(error.cause).split())}") from error
            except ray.exceptions.RayError:
                lost += 1
        if lost:
            raise WorkerError(f"{lost} trials were lost with their workers; run the same command to go on")


def _ray() -> Any:  # noqa: ANN401
    try:
        import ray
    except ImportError as error:
        raise WorkerError("--ray needs Ray: pip install 'gradveil[ray]'") from error
    return ray


def _run(config: str, device: str, case: Case) -> Done:
    """In a worker, which keeps its runner from trial to trial."""
    return _worker(config, device).run(case)


@lru_cache(1)
def _worker(config: str, device: str) -> Runner:
    torch.set_num_threads(1)
    return ready_runner(AuditConfig.model_validate_json(config), device)
