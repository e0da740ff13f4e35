"""What can go wrong between parties of a federated job; every message says what to do next."""

from gradveil.exchange import GradveilError


class FlError(GradveilError):
    """The root of every error of this package."""


class PlanMismatchError(FlError):
    """The parties hold different plans, or the model is not the one that the plan was made for."""


class RosterMismatchError(FlError):
    """The parties hold different rosters, or one of them is not listed in its own."""


class ModelMismatchError(FlError):
    """The model or configuration to train is not the one that the round was opened with."""


class ExpiredRoundError(FlError):
    """A message of a round that is over, or of one that a later round replaced."""


class ForgottenRoundError(FlError):
    """A party that has lost its state, by a restart for instance, is asked to go on with a round."""


class UnprotectedRequestError(FlError):
    """A server asks for an update outside of the protocol that the client's plan demands."""


class RefusedError(FlError):
    """A client's own rule forbids what it is asked for."""


class PartiesError(FlError):
    """A key, roster or plan file is missing, or does not belong to this party."""


class RoundAbortedError(FlError):
    """The round ended without a result."""


class MissingExtraError(FlError, ImportError):
    """An optional package is not installed."""
