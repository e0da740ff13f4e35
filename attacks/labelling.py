"""Where a search gets its labels from: granted, inferred beforehand, or solved for."""

from dataclasses import dataclass
from typing import Protocol

from attacks.errors import AttackError
from attacks.evidence import Evidence, readable
from attacks.labels import LabelCandidates, restore_labels
from attacks.model import Model
from gradveil.exchange import Knowledge, Observation


class Labelling(Protocol):
    """A way to labels."""

    def candidates(self, observation: Observation, client: str, model: Model) -> LabelCandidates | None:
        """Label assignments worth a start each; None if labels are unknowns of the search."""
        ...


@dataclass(frozen=True)
class Inferred:
    """Granted labels, or candidates from what is really readable, whatever view the attack takes."""

    def candidates(self, observation: Observation, client: str, model: Model) -> LabelCandidates | None:
        """The labels granted, else those that `restore_labels` gives.

        Raises:
            AttackError: the labels granted do not fit.
            NotApplicableError: they can neither be read nor ruled out.
        """
        evidence = readable(observation, client, model)
        granted = granted_labels(observation.knowledge, evidence)
        return granted if granted is not None else restore_labels(evidence, model)


@dataclass(frozen=True)
class Joint:
    """Class logits of every example are unknowns of the search, beside the pixels.

    Source: Zhu et al. 2019 (DLG), algorithm 1.
    """

    def candidates(self, observation: Observation, client: str, model: Model) -> LabelCandidates | None:
        """None: nothing is known beforehand."""
        return None


@dataclass(frozen=True)
class GrantedOrJoint:
    """Granted labels, else unknowns of the search: of readings that no label can be read from."""

    def candidates(self, observation: Observation, client: str, model: Model) -> LabelCandidates | None:
        """The labels granted, else None; AttackError if they do not fit."""
        return granted_labels(observation.knowledge, readable(observation, client, model))


@dataclass(frozen=True)
class Decided:
    """Labels that are taken as they are, e.g. because an attack has solved for them."""

    labels: tuple[int, ...]

    def candidates(self, observation: Observation, client: str, model: Model) -> LabelCandidates:
        """The one assignment."""
        return [self.labels]


def granted_labels(knowledge: Knowledge, evidence: Evidence) -> LabelCandidates | None:
    """The labels granted for the evidence's clients as the only candidate; None if none are.

    Raises:
        AttackError: they do not fit.
    """
    if knowledge.labels is None:
        return None
    granted = [label for client in evidence.clients for label in knowledge.labels.get(client, ())]
    if len(granted) != evidence.examples or not set(granted) <= set(range(knowledge.classes)):
        raise AttackError("the labels granted do not fit the clients' examples; grant one class each")
    return [tuple(granted)]
