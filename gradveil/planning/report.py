"""A proposal as JSON values and as a page of Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gradveil.doctor import machine, versions
from gradveil.plan import Masking, Metric, Plan
from gradveil.planning.judging import Fate, Judged
from gradveil.planning.loading import Named
from gradveil.planning.planner import Proposal
from gradveil.planning.threat import Budget, Threat
from gradveil.planning.training import Trained
from secagg.noise import MissingAccountantError

_LISTED = (Fate.CHOSEN, Fate.LEAKS, Fate.INACCURATE, Fate.UNTRIED, Fate.DEARER)


def record_of(
    proposal: Proposal,
    named: Named,
    threat: Threat,
    budget: Budget,
    wished: Sequence[Metric] = (),
    training: Trained | None = None,
) -> dict[str, Any]:
    """All that decides the plan, all that was found, and the machine; `wished` are the metrics asked for."""
    return {
        "model": named.model,
        "data": named.data,
        "seed": named.seed,
        "threat": threat.as_record(),
        "budget": asdict(budget),
        "notes": [*threat.notes(), *_unsummed(wished, proposal.plan)],
        "plan": _plan_record(proposal.plan),
        "cost": {"predicted": asdict(proposal.expected), "measured": asdict(proposal.measured)},
        "training": None if training is None else training.as_record(),
        "chosen": _judged_record(proposal.chosen),
        "candidates": [_judged_record(one) for one in proposal.judged],
        "versions": versions(),
        "machine": machine(),
    }


def markdown_of(record: dict[str, Any]) -> str:
    """The same for reading, from what `record_of` gave."""
    return "\n".join(_lines(record)) + "\n"


def _unsummed(wished: Sequence[Metric], plan: Plan) -> Iterator[str]:
    if missing := [metric.name for metric in wished if metric not in plan.metrics]:
        yield (
            f"the server does not learn {', '.join(missing)}: where numbers of examples are encrypted, or "
            "noise covers the sum, a plan carries no metrics; evaluate on the clients"
        )


def _plan_record(plan: Plan) -> dict[str, Any]:
    shares = {"encrypted": plan.encrypted.ratio, "masked": float(plan.masked.mean())}
    shares |= {"clear": plan.clear.ratio, "dropped": plan.dropped.ratio}
    return {
        "sha256": plan.hash.hex(),
        "parameters": plan.layout.size,
        "min_clients": plan.min_clients,
        "weight": plan.weight,
        "shares": shares,
        "encryption": None if plan.encryption is None else _encryption_record(plan),
        "masking": None if plan.masking is None else _masking_record(plan.masking),
        "shrunk": {} if plan.masking is None else {one.tensor: one.factor for one in plan.masking.shrunk},
        "noise": None if plan.noise is None else asdict(plan.noise) | {"epsilon_of_a_round": _epsilon(plan)},
    }


def _epsilon(plan: Plan) -> float | None:
    """None if no accountant is installed."""
    try:
        claim = plan.claim(1)
    except MissingAccountantError:
        return None
    return None if claim is None else claim.epsilon


def _encryption_record(plan: Plan) -> dict[str, Any]:
    params = plan.encryption
    return {} if params is None else params.describe() | {"security_bits": params.security_bits}


def _masking_record(masking: Masking) -> dict[str, Any]:
    apart = ("noise", "shrunk")
    return {name: value for name, value in asdict(masking).items() if name not in apart}


def _judged_record(one: Judged) -> dict[str, Any]:
    return {
        "candidate": one.candidate.name,
        "fate": one.fate,
        "reason": one.reason,
        "estimated": None if one.cost is None else asdict(one.cost),
        "aggregate_error": one.error,
        "predicted": None if one.prediction is None else asdict(one.prediction),
        "attacked": None if one.leakage is None else asdict(one.leakage) | {"worst": one.leakage.worst},
    }


def _lines(record: dict[str, Any]) -> Iterator[str]:
    plan, cost, chosen = record["plan"], record["cost"], record["chosen"]
    yield f"# Plan for {record['model']}\n"
    yield f"**{chosen['candidate']}**, SHA-256 `{plan['sha256']}`\n"
    yield "| | |\n|---|---|"
    for part, share in plan["shares"].items():
        yield f"| {part} | {share:.2%} of {plan['parameters']:,} |"
    for name in ("encryption", "masking", "noise"):
        if plan[name] is not None:
            yield f"| {name} | {_pairs(plan[name])} |"
    if plan["shrunk"]:
        factors = sorted(plan["shrunk"].values())
        by = " to ".join(f"{factor:g}" for factor in dict.fromkeys((factors[0], factors[-1])))
        yield f"| divided before masking | {len(factors)} tensors of running statistics, by {by} |"
    for name, spent in cost.items():
        yield f"| {name}, a client, a round | {spent['bytes']:,} bytes, {spent['seconds']:.3f} s |"
    yield f"| error of the aggregate | {chosen['aggregate_error']:.1e} of its norm |"
    yield from _accuracy(record["training"])
    yield from _leakage(chosen)
    yield "\n## Assumptions\n"
    yield f"- {_pairs(record['threat'])}"
    yield f"- budget: {_pairs(record['budget'])}"
    yield f"- sample images: {record['data']}; one local step is attacked, its labels are granted"
    yield from (f"- {note}" for note in record["notes"])
    yield from _candidates(record["candidates"])


def _accuracy(training: dict[str, Any] | None) -> Iterator[str]:
    if training is not None:
        yield (
            f"| accuracy after {training['rounds']} rounds | {training['protected']:.1%}, without protection "
            f"{training['plain']:.1%} |"
        )


def _leakage(chosen: dict[str, Any]) -> Iterator[str]:
    predicted, attacked = chosen["predicted"], chosen["attacked"]
    yield "\n## Leakage\n"
    told = "rules nothing out" if predicted["psnr"] is None else f"{predicted['psnr']:.1f} dB"
    yield f"Predicted: {told} ({predicted['method']}).\n"
    if attacked["worst"] is None:
        yield "Attacked: nothing to attack, the adversary reads no coordinate."
        return
    yield "| attack | on | outcome | best image | without reading | s |\n|---|---|---|---|---|---|"
    for one in attacked["attempts"]:
        best, guess = (
            f"{max(some):.1f} dB" if some else "" for some in (one["psnr"], attacked["guess"][one["on"]])
        )
        outcome = " ".join(f"{one['status']} {one['detail']}".split())
        yield f"| {one['attack']} | {one['on']} | {outcome} | {best} | {guess} | {one['seconds']:.1f} |"


def _candidates(judged: list[dict[str, Any]]) -> Iterator[str]:
    yield "\n## Other candidates\n"
    yield "| candidate | bytes, estimated | s | became | |\n|---|---|---|---|---|"
    for one in judged:
        if one["fate"] in _LISTED and one["estimated"] is not None:
            spent = one["estimated"]
            size, seconds = f"{spent['bytes']:,}", f"{spent['seconds']:.3f}"
            yield f"| {one['candidate']} | {size} | {seconds} | {one['fate']} | {one['reason']} |"
    reasons = dict.fromkeys(one["reason"] for one in judged if one["fate"] not in _LISTED)
    for reason in reasons:
        count = sum(one["reason"] == reason for one in judged)
        yield f"| {count} more | | | not sound, possible or within the budget | {reason} |"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
