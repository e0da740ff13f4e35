"""Where the trials of an audit run: in processes of this machine, or on a Ray cluster."""

from gradveil.audit.executors.base import Done, Executor
from gradveil.audit.executors.cluster import LOCAL, Cluster
from gradveil.audit.executors.processes import Processes

__all__ = ["LOCAL", "Cluster", "Done", "Executor", "Processes"]
