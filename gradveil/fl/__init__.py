"""Federated jobs under a plan, independent of any framework: what a client does, what a server does.

`Participant` answers requests, `RoundServer` makes them and adds up; a transport carries bytes between both.
`gradveil.fl.flower` is one such transport, `LocalJob` another, in one process.
"""

from gradveil.fl.client import Client, Policy
from gradveil.fl.contribution import Trained
from gradveil.fl.errors import (
    ExpiredRoundError,
    FlError,
    ForgottenRoundError,
    MissingExtraError,
    ModelMismatchError,
    PartiesError,
    PlanMismatchError,
    RefusedError,
    RosterMismatchError,
    RoundAbortedError,
    UnprotectedRequestError,
)
from gradveil.fl.journal import Journal
from gradveil.fl.messages import Given, Refusal, Reply, Request, Terms
from gradveil.fl.outcome import Outcome
from gradveil.fl.participant import Gate, Participant, Work
from gradveil.fl.parties import ClientParties, ServerParties
from gradveil.fl.runner import LocalJob, LocalRecord
from gradveil.fl.sealed_model import SealedModel
from gradveil.fl.server import RoundServer
from gradveil.fl.state import State

__all__ = [
    "Client",
    "ClientParties",
    "ExpiredRoundError",
    "FlError",
    "ForgottenRoundError",
    "Gate",
    "Given",
    "Journal",
    "LocalJob",
    "LocalRecord",
    "MissingExtraError",
    "ModelMismatchError",
    "Outcome",
    "Participant",
    "PartiesError",
    "PlanMismatchError",
    "Policy",
    "Refusal",
    "RefusedError",
    "Reply",
    "Request",
    "RosterMismatchError",
    "RoundAbortedError",
    "RoundServer",
    "SealedModel",
    "ServerParties",
    "State",
    "Terms",
    "Trained",
    "UnprotectedRequestError",
    "Work",
]
