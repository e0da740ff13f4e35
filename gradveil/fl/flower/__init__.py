"""Flower (1.41 or later, Message API) under a plan: a mod for any ClientApp, a wrapper for any strategy.

app = ClientApp(mods=[ProtectedMod()])                              # client
strategy = ProtectedStrategy(FedAvg(), plan, parties)               # server
"""

from gradveil.fl.errors import MissingExtraError

try:
    import flwr.serverapp  # noqa: F401 - only to see whether it is there
except ImportError as error:
    raise MissingExtraError("Flower >= 1.41 is not installed; run pip install 'gradveil[flower]'") from error

from gradveil.fl.flower.checkpoint import Checkpoint
from gradveil.fl.flower.grid import ProtectedGrid
from gradveil.fl.flower.mod import ProtectedMod
from gradveil.fl.flower.node_config import NodeFiles, parties_in, parties_of_node
from gradveil.fl.flower.records import layout_of
from gradveil.fl.flower.reports import RoundReport
from gradveil.fl.flower.settings import Settings
from gradveil.fl.flower.strategy import ProtectedStrategy

__all__ = [
    "Checkpoint",
    "NodeFiles",
    "ProtectedGrid",
    "ProtectedMod",
    "ProtectedStrategy",
    "RoundReport",
    "Settings",
    "layout_of",
    "parties_in",
    "parties_of_node",
]
