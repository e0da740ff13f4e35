"""The cheapest sound plan: from a network, sample images, a threat and a budget to the file adapters load."""

from gradveil.planning.attacking import Attempt, Leakage
from gradveil.planning.candidates import Candidate, Protection
from gradveil.planning.costs import Cost
from gradveil.planning.errors import NoPlanError, PlanningError
from gradveil.planning.job import Job
from gradveil.planning.judging import Fate, Judged
from gradveil.planning.loading import Named
from gradveil.planning.planner import Proposal, Wishes, propose
from gradveil.planning.prediction import Predicted
from gradveil.planning.report import markdown_of, record_of
from gradveil.planning.subject import Subject, Training
from gradveil.planning.threat import Budget, Threat

__all__ = [
    "Attempt",
    "Budget",
    "Candidate",
    "Cost",
    "Fate",
    "Job",
    "Judged",
    "Leakage",
    "Named",
    "NoPlanError",
    "PlanningError",
    "Predicted",
    "Proposal",
    "Protection",
    "Subject",
    "Threat",
    "Training",
    "Wishes",
    "markdown_of",
    "propose",
    "record_of",
]
