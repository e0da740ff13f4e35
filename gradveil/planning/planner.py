"""The search for the cheapest plan that keeps a budget under a threat."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from gradveil.exchange import GradveilError
from gradveil.plan import Metric, Plan
from gradveil.planning.aggregate import aggregate_error, least_error
from gradveil.planning.attacking import Leakage, attacked
from gradveil.planning.building import Builder
from gradveil.planning.candidates import Candidate, Protection, candidates
from gradveil.planning.costs import Cost, estimate, predicted
from gradveil.planning.errors import NoPlanError
from gradveil.planning.judging import Fate, Judged, over, relaxations
from gradveil.planning.prediction import predicted_leakage
from gradveil.planning.rates import Rates, measured_rates
from gradveil.planning.subject import Subject
from gradveil.planning.threat import Budget, Threat
from gradveil.planning.uploading import measured
from gradveil.planning.views import View, view_of

_BEYOND = 6.0
"""dB by which a prediction has to exceed the limit to spare an attack; predictions are some 4 dB high."""

Progress = Callable[[str], None]
"""Called with what is going on."""


@dataclass(frozen=True)
class Wishes:
    """Choices of the search.

    Attributes:
        strategies: that slices are chosen by, the preferred first; none: `default_strategies`.
        dropping: whether slices may be left out of updates.
        schemes: of encryption, by name.
        metrics: that the server learns beside the model.
        attack_steps: of the search on one group of victims, None for the default of `attacked`.
        attacks: views that are attacked at most.
    """

    strategies: Sequence[str] = ()
    dropping: bool = False
    schemes: Sequence[str] = ("packed", "ckks")
    metrics: tuple[Metric, ...] = ()
    attack_steps: int | None = None
    attacks: int = 4


@dataclass(frozen=True, eq=False)
class Proposal:
    """The cheapest plan that kept the budget.

    Attributes:
        plan: for `gradveil.plan.save`.
        chosen: what it came from.
        judged: all candidates, the cheapest first, those that were not looked at last.
        expected: bytes and seconds from parameters.
        measured: those of one real client.
    """

    plan: Plan
    chosen: Judged
    judged: tuple[Judged, ...]
    expected: Cost
    measured: Cost


def default_strategies(subject: Subject) -> tuple[str, ...]:
    """Strategies in the order of what they protect, without the slowest where passes are dear."""
    return ("row_norm", "sensitivity") if subject.is_large else ("information", "row_norm", "sensitivity")


def propose(subject: Subject, threat: Threat, budget: Budget, wishes: Wishes, progress: Progress) -> Proposal:
    """Candidates by cost; the first that keeps error and leakage, attacked, is the plan.

    Raises:
        NoPlanError: none does; the message says what to relax.
        GradveilError: as of `Subject`, `encryption_for` and the strategies.
    """
    return _Planner(subject, threat, budget, wishes, progress).run()


@dataclass
class _Planner:
    subject: Subject
    threat: Threat
    budget: Budget
    wishes: Wishes
    progress: Progress
    _leakages: dict[bytes, Leakage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.progress("local training on the sample")
        self._builder = Builder(
            self.subject, self.threat, self.budget.error, self.wishes.schemes, self.wishes.metrics
        )

    def run(self) -> Proposal:
        self.progress("small rounds, for bytes and seconds")
        rates = measured_rates(*(self._possible(kind) for kind in (Protection.MASKED, Protection.ENCRYPTED)))
        judged = list(self._priced(rates))
        queue = sorted((one for one in judged if one.fate is Fate.DEARER), key=self._price)
        done = [one for one in judged if one.fate is not Fate.DEARER]
        for number, one in enumerate(queue):
            tried, plan = self._tried(one)
            done.append(tried)
            if tried.fate is Fate.CHOSEN and plan is not None:
                return self._proposal(tried, plan, (*done, *queue[number + 1 :]), rates)
        raise NoPlanError(relaxations(done))

    def _possible(self, kind: Protection) -> Plan | None:
        """The plan that protects everything so, for its rates; None if no sound candidate does."""
        using = (one for one in candidates(("",), dropping=True) if kind in one.protections)
        if all(one.refusal(self.threat) is not None for one in using):
            return None
        try:
            return self._builder.plan(Candidate(kind))
        except GradveilError:
            return None

    def _priced(self, rates: Rates) -> Iterator[Judged]:
        strategies = self.wishes.strategies or default_strategies(self.subject)
        for candidate in candidates(strategies, self.wishes.dropping, self.budget.noise):
            if (reason := candidate.refusal(self.threat)) is not None:
                yield Judged(candidate, Fate.UNSOUND, reason)
                continue
            try:
                cost = estimate(candidate, self._builder, rates)
            except GradveilError as error:
                yield Judged(candidate, Fate.IMPOSSIBLE, str(error))
                continue
            reason = over(cost, self.budget)
            yield Judged(candidate, Fate.OVER_BUDGET if reason else Fate.DEARER, reason, cost)

    def _price(self, one: Judged) -> tuple[float, ...]:
        """Noise first, as training pays for it; then bytes, unless only seconds are limited."""
        assert one.cost is not None  # noqa: S101 - of all that are in the queue
        bytes_, seconds = float(one.cost.bytes), one.cost.seconds
        only_seconds = self.budget.seconds is not None and self.budget.bytes is None
        return (one.candidate.noise, *((seconds, bytes_) if only_seconds else (bytes_, seconds)))

    def _tried(self, one: Judged) -> tuple[Judged, Plan | None]:
        """Built, and judged by its error, its predicted and its attacked leakage."""
        dropped = one.candidate.dropped_share
        if least_error(self.subject, dropped) > self.budget.error:
            reason = f"without {dropped:.0%} the mean is too far off, whichever they are"
            return replace(one, fate=Fate.INACCURATE, reason=reason), None
        self.progress(f"{one.candidate.name}: plan")
        try:
            plan = self._builder.plan(one.candidate)
            error = aggregate_error(plan, self.subject)
        except GradveilError as problem:
            return replace(one, fate=Fate.IMPOSSIBLE, reason=str(problem)), None
        one = replace(one, error=error)
        if error > self.budget.error:
            return replace(
                one, fate=Fate.INACCURATE, reason=f"the mean is off by {error:.1e} of its norm"
            ), None
        return self._leaking(one, view_of(plan, self.subject, self.threat)), plan

    def _leaking(self, one: Judged, view: View) -> Judged:
        """Chosen, unless a prediction or an attack speaks against it."""
        limit = self.budget.leakage
        found = predicted_leakage(view, self.subject, self.threat.batch)
        one = replace(one, prediction=found)
        if found.psnr is not None and found.psnr > limit + _BEYOND:
            return replace(one, fate=Fate.LEAKS, reason=f"{found.psnr:.1f} dB predicted")
        if view.key not in self._leakages and len(self._leakages) >= self.wishes.attacks:
            return replace(one, fate=Fate.UNTRIED, reason=f"{self.wishes.attacks} views were attacked before")
        leakage = self._attacked(view, one.candidate.name)
        one = replace(one, leakage=leakage)
        if leakage.exceeds(limit):
            return replace(one, fate=Fate.LEAKS, reason=f"{leakage.worst:.1f} dB attacked")
        if leakage.unscored:
            failed = leakage.attempts[-1].detail
            return replace(one, fate=Fate.UNTRIED, reason=f"no attack came to an end: {failed}")
        return replace(one, fate=Fate.CHOSEN)

    def _attacked(self, view: View, name: str) -> Leakage:
        if view.key not in self._leakages:
            steps = self.wishes.attack_steps

            def show(attack: str) -> None:
                self.progress(f"{name}: attack {attack}")

            limit = self.budget.leakage
            self._leakages[view.key] = attacked(view, self.subject, self.threat, limit, steps, show)
        return self._leakages[view.key]

    def _proposal(self, chosen: Judged, plan: Plan, judged: tuple[Judged, ...], rates: Rates) -> Proposal:
        self.progress(f"{chosen.candidate.name}: one real client")
        sent = measured(plan, self.subject.before, self.subject.trained[0])
        return Proposal(plan, chosen, judged, predicted(plan, rates), sent)
