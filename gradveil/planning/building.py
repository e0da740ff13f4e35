"""From a candidate to the plan that carries it out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import he
from gradveil.calibration import rank
from gradveil.exchange import Selection
from gradveil.plan import Masking, Metric, Placement, Plan
from gradveil.planning.candidates import Candidate, Protection
from gradveil.planning.grids import encryption_for, masking_for, noisy_masking_for
from gradveil.planning.subject import Subject
from gradveil.planning.threat import Threat
from gradveil.selection import Ranking, filled

Mask = NDArray[np.bool_]


@dataclass
class Builder:
    """Makes plans; rankings are made once, when a candidate asks for them.

    Attributes:
        subject: what is planned for.
        threat: what plans must bear.
        error: of the aggregate, relative, that rounding may use half of.
        schemes: of encryption.
        metrics: that the server learns beside the model, where weights are not encrypted; beside noise there
            are none.
    """

    subject: Subject
    threat: Threat
    error: float
    schemes: Sequence[str]
    metrics: tuple[Metric, ...] = ()
    _rankings: dict[str, Ranking] = field(default_factory=dict)

    def plan(self, candidate: Candidate) -> Plan:
        """The candidate's plan.

        Raises:
            GradveilError: no parameters carry it; the message says why.
        """
        masks = self._parts(candidate, self._slice(candidate))
        counts = {kind: int(mask.sum()) for kind, mask in masks.items()}
        weight = _weight(counts)
        masked, encrypted = counts[Protection.MASKED], counts[Protection.ENCRYPTED]
        layout = self.subject.layout
        return Plan.of(
            layout,
            clients=self.threat.clients,
            max_weight=self.threat.max_weight,
            encrypted=Selection(layout, masks[Protection.ENCRYPTED], candidate.strategy or "all"),
            clear=Selection(layout, masks[Protection.CLEAR], "rest"),
            dropped=Selection(layout, masks[Protection.DROPPED], "dropped"),
            encryption=self.encryption(encrypted) if encrypted else None,
            masking=self.masking(masked, candidate.noise) if masked else None,
            weight=weight,
            metrics=() if weight is Placement.ENCRYPTED or candidate.noise else self.metrics,
            min_clients=max(self.threat.survivors, 3 if masked else 2),
        )

    def ranking(self, strategy: str) -> Ranking:
        """Of the parameters, made once."""
        if strategy not in self._rankings:
            public, few = self.subject.public, self.subject.is_large
            self._rankings[strategy] = rank(strategy, public.first(1) if few else public)
        return self._rankings[strategy]

    def taken(self, candidate: Candidate) -> int:
        """Parameters in the slice: the ratio's, and as many more as ciphertexts that are paid for hold.

        Raises:
            GradveilError: no parameters carry them.
        """
        size = self.subject.model.layout.size
        least = round(candidate.ratio * size)
        if candidate.slice is not Protection.ENCRYPTED:
            return least
        besides = 1 if candidate.rest is Protection.MASKED else 1 + int(self.subject.buffers.sum())
        return min(filled(least, self.encryption(least), besides), size)

    def _slice(self, candidate: Candidate) -> Mask:
        """True at the slice's coordinates of the state."""
        if candidate.slice is None:
            return np.zeros(self.subject.layout.size, dtype=np.bool_)
        return self.subject.lifted(self.ranking(candidate.strategy).take(self.taken(candidate)))

    def encryption(self, count: int) -> he.Params:
        """Parameters for so many coordinates; raises as `encryption_for`."""
        return encryption_for(self.subject, self.threat, count, self.error, self.schemes)

    def masking(self, count: int, noise: float) -> Masking:
        """Parameters for so many coordinates; raises as `masking_for` and `noisy_masking_for`."""
        if not noise:
            return masking_for(self.subject, self.threat, count, self.error)
        return noisy_masking_for(self.subject, self.threat, count, self.error, noise)

    def _parts(self, candidate: Candidate, slice_: Mask) -> dict[Protection, Mask]:
        """Disjoint masks over the state.

        Running statistics tell of single batches, too: they go with what is masked, else with the slice.
        """
        subject = self.subject
        masks = {kind: np.zeros(subject.layout.size, dtype=np.bool_) for kind in Protection}
        with_slice = candidate.slice is not None and candidate.rest is not Protection.MASKED
        if candidate.slice is not None:
            masks[candidate.slice] |= slice_ | (subject.buffers if with_slice else False)
        taken = np.logical_or.reduce(list(masks.values())) | subject.counters
        masks[candidate.rest] |= ~taken
        masks[Protection.DROPPED] |= subject.counters
        return masks


def _weight(counts: dict[Protection, int]) -> Placement:
    if counts[Protection.MASKED]:
        return Placement.MASKED
    return Placement.CLEAR if counts[Protection.CLEAR] else Placement.ENCRYPTED
