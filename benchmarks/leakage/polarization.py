"""Secret polarization against other mechanisms: `python -m benchmarks.leakage.polarization [--quick]`.

Accuracy against the errors of reconstruction, tracing and membership over each mechanism's knob (PPC), and
their mean product over the grid (CAP), at small size: MNIST-5k, the sigmoid LeNet, five clients. The worst of
the same adversaries counts for every mechanism; relative errors are capped at 1. Then what the adversary sees
that knows of a private head: at first and trained weights, on digits and photographs, and on a ReLU network.
Clients compute in float64 and send float32. Interrupt it at any time: finished runs are kept in the journal.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.leakage import polarization_runs as runs
from benchmarks.leakage.common import Journal, Key, finish, options, show, write
from benchmarks.leakage.polarization_setting import CLIP, DELTA, GRIDS, POLARIZATION, Setting
from gradveil.metrics import ATTACK_KINDS, OperatingPoint, PrivacyCurve

Run = tuple[Key, Callable[[], dict[str, Any]]]


def settings(seed: int) -> list[Setting]:
    """All mechanisms at all values of their knobs."""
    return [Setting(mechanism, knob, seed) for mechanism, grid in GRIDS.items() for knob in grid]


def about(setting: Setting, measured: str) -> Key:
    """What tells a run from all others."""
    return {"measured": measured, **vars_of(setting)}


def vars_of(setting: Setting) -> Key:
    names = ("mechanism", "knob", "seed", "data", "network")
    return {name: getattr(setting, name) for name in names}


def curves_of(chosen: list[Setting]) -> list[Run]:
    """All that the curves need."""
    measures: dict[str, Callable[[Setting], dict[str, Any]]] = {
        "accuracy": runs.accuracy,
        "tracing": runs.tracing,
        "membership": runs.membership,
        "reconstruction": partial(runs.reconstruction, adversaries=runs.ADVERSARIES),
        "reconstruction by direction": partial(runs.reconstruction, adversaries=runs.DIRECTIONS),
    }
    return [(about(one, name), partial(measure, one)) for name, measure in measures.items() for one in chosen]


def adaptive_of(seed: int) -> list[Run]:
    """The adversary that knows of the private head, beside the one that does not."""
    digits = [Setting(POLARIZATION, knob, seed) for knob in (0.0, 0.01, 0.1, 1.0)]
    cells = [(one, "adaptive, first weights", partial(runs.adaptive, one, True, 3)) for one in digits]
    rectified = [replace(one, network="cnn") for one in digits[2:]]
    cells += [(one, "adaptive, first weights", partial(runs.adaptive, one, True, 3)) for one in rectified]
    photos = [replace(one, data="cifar10") for one in digits[2:]]
    cells += [(one, "adaptive, trained", partial(runs.adaptive, one, False, 1)) for one in digits[2:]]
    cells += [(one, "closed form alone", partial(runs.closed_form, one)) for one in photos]
    cells += [(photos[0], "adaptive, first weights", partial(runs.adaptive, photos[0], True, 1))]
    return [(about(setting, name), run) for setting, name, run in cells]


def curve(mechanism: str, lines: list[dict[str, Any]]) -> PrivacyCurve:
    """Of one mechanism, from finished runs."""
    mine = {(line["measured"], line["knob"]): line for line in lines if line["mechanism"] == mechanism}
    return PrivacyCurve(mechanism, tuple(_point(mine, knob) for knob in GRIDS[mechanism]))


def _point(mine: dict[tuple[str, float], dict[str, Any]], knob: float) -> OperatingPoint:
    found = _reconstructions(mine, knob)
    errors = {
        "reconstruction": found,
        **{kind: _errors(mine[kind, knob]) for kind in ("tracing", "membership")},
    }
    return OperatingPoint(
        knob, mine["accuracy", knob]["accuracy"], {kind: errors[kind] for kind in ATTACK_KINDS}
    )


def _reconstructions(mine: dict[tuple[str, float], dict[str, Any]], knob: float) -> dict[str, float]:
    parts = {"reconstruction": runs.ADVERSARIES, "reconstruction by direction": runs.DIRECTIONS}
    return {name: mine[part, knob][name]["error"] for part, names in parts.items() for name in names}


def _errors(line: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in line.items() if name.startswith(("distance", "cosine"))}


def ppc(curves: list[PrivacyCurve]) -> list[dict[str, Any]]:
    """One line for each mechanism and value of its knob, with the worst adversary of each kind."""
    return [
        {"mechanism": one.mechanism, "knob": point.knob, "accuracy": point.accuracy}
        | {f"{kind}_error": point.error(kind) for kind in ATTACK_KINDS}
        | {f"{kind}_by": point.worst(kind) for kind in ATTACK_KINDS}
        for one in curves
        for point in one.points
    ]


def caps(curves: list[PrivacyCurve]) -> list[dict[str, Any]]:
    """One line for each mechanism."""
    return [
        {"mechanism": one.mechanism, "grid": list(one.grid), **{kind: one.cap(kind) for kind in ATTACK_KINDS}}
        for one in curves
    ]


def without_fork(curves: list[PrivacyCurve]) -> list[dict[str, Any]]:
    """How the defense looks to adversaries that know of no private head."""
    return [
        {
            "knob": point.knob,
            "reconstruction_error": min(
                error for name, error in point.errors["reconstruction"].items() if name != "forked_recursion"
            ),
        }
        for one in curves
        for point in one.points
        if one.mechanism == POLARIZATION
    ]


def main() -> None:
    """Run what is not finished yet, print the tables and write the JSON."""
    chosen = options(__doc__, "polarization").parse_args()
    journal, every = Journal(chosen.journal), settings(chosen.seed)
    adaptive = adaptive_of(chosen.seed)
    if chosen.quick:
        finish(journal, adaptive[:1], "adaptive")
        return
    lines = finish(journal, curves_of(every), "curves")
    curves = [curve(mechanism, lines) for mechanism in GRIDS]
    record = {"seed": chosen.seed, "clip": CLIP, "delta": DELTA, "ppc": ppc(curves), "cap": caps(curves)}
    record["fork_unknown"] = without_fork(curves)
    for name in ("ppc", "cap", "fork_unknown"):
        show(name, record[name])
    write(chosen.out, record | {"lines": lines})
    rows: list[dict[str, Any]] = []
    for run in adaptive:
        rows += finish(journal, [run], run[0]["measured"])
        write(chosen.out, record | {"adaptive": rows, "lines": lines})


if __name__ == "__main__":
    main()
