"""What can go wrong with a plan."""

from gradveil.exchange import GradveilError


class PlanError(GradveilError):
    """A plan that cannot work, or protects less than it says."""
