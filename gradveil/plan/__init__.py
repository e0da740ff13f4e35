"""Plans: which coordinates of an update are encrypted, masked, readable or not sent, and their file."""

from gradveil.plan.errors import PlanError
from gradveil.plan.file import from_bytes, load, save
from gradveil.plan.masking import Masking, Shrunk
from gradveil.plan.noise import Noise
from gradveil.plan.plan import Plan
from gradveil.plan.split import Metric, Placement, Purpose, Split

__all__ = [
    "Masking",
    "Metric",
    "Noise",
    "Placement",
    "Plan",
    "PlanError",
    "Purpose",
    "Shrunk",
    "Split",
    "from_bytes",
    "load",
    "save",
]
