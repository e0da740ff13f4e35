"""Ways to minimise one objective from many starts at once."""

from attacks.searches.adam import Adam
from attacks.searches.base import Objective, Search, ranked
from attacks.searches.lbfgs import LBFGS
from attacks.searches.levenberg_marquardt import LevenbergMarquardt
from attacks.searches.ranking import Ranking
from attacks.searches.schedules import CosineDecay, Exponential, Milestones, Schedule, steady

__all__ = [
    "LBFGS",
    "Adam",
    "CosineDecay",
    "Exponential",
    "LevenbergMarquardt",
    "Milestones",
    "Objective",
    "Ranking",
    "Schedule",
    "Search",
    "ranked",
    "steady",
]
