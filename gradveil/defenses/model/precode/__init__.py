"""PRECODE: a variational bottleneck whose noise nobody but the client knows."""

from gradveil.defenses.model.precode.bottleneck import VariationalBottleneck
from gradveil.defenses.model.precode.client import BottleneckClient
from gradveil.defenses.model.precode.defense import Precode

__all__ = ["BottleneckClient", "Precode", "VariationalBottleneck"]
