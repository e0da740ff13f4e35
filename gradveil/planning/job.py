"""From names to a plan and its record, in one call."""

from dataclasses import dataclass
from typing import Any

from gradveil.plan import Plan
from gradveil.planning.loading import Named
from gradveil.planning.planner import Progress, Wishes, propose
from gradveil.planning.report import record_of
from gradveil.planning.subject import Training
from gradveil.planning.threat import Budget, Threat
from gradveil.planning.training import trained


@dataclass(frozen=True)
class Job:
    """What is asked.

    Attributes:
        named: network and sample.
        threat: who sees what.
        budget: what the plan must keep.
        wishes: of the search.
        training: of the sample clients.
        rounds: simulated with the plan and without; 0 for none.
    """

    named: Named
    threat: Threat
    budget: Budget
    wishes: Wishes
    training: Training
    rounds: int = 0

    def run(self, progress: Progress) -> tuple[Plan, dict[str, Any]]:
        """The plan and its record; raises as `Named.subject`, `propose` and `trained` do."""
        subject = self.named.subject(self.training)
        proposal = propose(subject, self.threat, self.budget, self.wishes, progress)
        accuracy = None
        if self.rounds:
            progress(f"{self.rounds} rounds of training, with the plan and without")
            accuracy = trained(self.named, proposal.plan, self.rounds, self.training.rate)
        record = record_of(proposal, self.named, self.threat, self.budget, self.wishes.metrics, accuracy)
        return proposal.plan, record
