"""Cost against leakage: trials, sweeps and their configuration."""

from gradveil.audit.cohort import Cohort, draw_cohort
from gradveil.audit.config import AuditConfig, UtilityTable
from gradveil.audit.executors import Cluster, Processes
from gradveil.audit.round import Cost, Round, run_round
from gradveil.audit.run import choose_device, run_audit
from gradveil.audit.toml import (
    ConfigError,
    load_config,
    load_preset,
    load_suite,
    preset_names,
    suite_names,
)
from gradveil.audit.trial import Outcome, trial
from gradveil.audit.workers import WorkerError

__all__ = [
    "AuditConfig",
    "Cluster",
    "Cohort",
    "ConfigError",
    "Cost",
    "Outcome",
    "Processes",
    "Round",
    "UtilityTable",
    "WorkerError",
    "choose_device",
    "draw_cohort",
    "load_config",
    "load_preset",
    "load_suite",
    "preset_names",
    "run_audit",
    "run_round",
    "suite_names",
    "trial",
]
