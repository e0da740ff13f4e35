"""What goes wrong before a plan is found."""

from gradveil.exchange import GradveilError


class PlanningError(GradveilError):
    """Inputs from which no plan can be made."""


class NoPlanError(PlanningError):
    """No candidate keeps the budget under this threat; the message says what to relax."""
