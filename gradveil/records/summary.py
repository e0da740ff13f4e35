"""Many records, a few rows: what each setting leaks to the worst of the portfolio, and what it costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from gradveil.records.accuracy import Trained, trained
from gradveil.records.bootstrap import Interval, interval
from gradveil.records.labels import attacks_in, subject_names
from gradveil.records.record import Record
from gradveil.records.setting import Setting, Subject, setting_of
from gradveil.records.utility import Utility

Metric = Callable[[Record], float | None]


@dataclass(frozen=True, slots=True)
class Row(Setting):
    """One setting over all its seeds and victims.

    `psnr` maps each attack to its mean, in dB. `worst`, `ssim` and `rank100` take the attack that is best
    for the adversary on each victim (the guess included), then the mean over victims; `guess_rank100` is the
    mean of the guess alone. A victim of another seed is another victim. `layers` is the mean share of each
    tensor that is encrypted, `visible` and `predicted_psnr` what was predicted. Costs are medians: bytes per
    client, seconds. `trained` is what trainings behind the defense came to. None means that no trial gave a
    value.
    """

    ratio_nonzero: float | None
    layers: Mapping[str, float]
    visible: float | None
    predicted_psnr: float | None
    seeds: int
    victims: int
    psnr: Mapping[str, float]
    worst: Interval | None
    ssim: float | None
    rank100: float | None
    guess_rank100: float | None
    bytes_up: float | None
    bytes_down: float | None
    seconds_client: float | None
    seconds_server: float | None
    aggregate_error: float | None
    failed: int
    trained: Trained | None


def summarise(records: Iterable[Record], utilities: Sequence[Utility] = ()) -> list[Row]:
    """One row a setting: subjects by name, defenses from none to secure aggregation."""
    groups = by_setting(records)
    return [_row(setting, group, trained(setting, utilities)) for setting, group in groups.items()]


def by_setting(records: Iterable[Record]) -> dict[Setting, list[Record]]:
    """The records of each setting; settings in the order in which they are read."""
    groups: dict[Setting, list[Record]] = {}
    for record in records:
        groups.setdefault(setting_of(record), []).append(record)
    return dict(sorted(groups.items(), key=lambda group: group[0].order))


def by_subject(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each subject, in the order given, under a name that tells it from the others."""
    subjects: dict[Subject, list[Row]] = {}
    for row in rows:
        subjects.setdefault(row.subject, []).append(row)
    return dict(zip(subject_names(list(subjects)), subjects.values(), strict=True))


def _row(setting: Setting, group: list[Record], accuracy: Trained | None) -> Row:
    ok = [record for record in group if record.status == "ok"]
    paid = [record for record in group if record.status != "failed"]  # a failed trial may not have measured
    return Row(
        **_fields(setting),
        ratio_nonzero=_mean(_values(group, lambda record: record.ratio_nonzero)),
        layers=_layers(group),
        visible=_mean(_values(group, lambda record: record.visible)),
        predicted_psnr=_mean(_values(group, lambda record: record.predicted_psnr)),
        seeds=len({record.seed for record in group}),
        victims=len({(record.seed, record.victim) for record in group}),
        psnr=_psnr_by_attack(ok),
        worst=interval(_worst(ok, lambda record: record.psnr, max)),
        ssim=_mean(_flat(_worst(ok, lambda record: record.ssim, max))),
        rank100=_mean(_flat(_worst(ok, lambda record: record.rank100, min))),
        guess_rank100=_mean(_values((r for r in ok if r.attack == "guess"), lambda record: record.rank100)),
        bytes_up=_median(paid, lambda record: record.bytes_up),
        bytes_down=_median(paid, lambda record: record.bytes_down),
        seconds_client=_median(paid, lambda record: record.seconds_client),
        seconds_server=_median(paid, lambda record: record.seconds_server),
        aggregate_error=max(_values(paid, lambda record: record.aggregate_error), default=None),
        failed=len(group) - len(paid),
        trained=accuracy,
    )


def _layers(records: Iterable[Record]) -> dict[str, float]:
    """Mean share of each tensor that is encrypted, in the network's order."""
    found: dict[str, list[float]] = {}
    for record in records:
        for name, share in record.layers.items():
            found.setdefault(name, []).append(share)
    return {name: float(np.mean(shares)) for name, shares in found.items()}


def _values(records: Iterable[Record], metric: Metric) -> list[float]:
    return [value for record in records if (value := metric(record)) is not None]


def _worst(
    records: Iterable[Record], metric: Metric, pick: Callable[[list[float]], float]
) -> list[list[float]]:
    """Of each seed, the pick among the attacks on each victim."""
    seeds: dict[int, dict[int, list[float]]] = {}
    for record in records:
        victims = seeds.setdefault(record.seed, {})
        victims.setdefault(record.victim, []).extend(_values([record], metric))
    return [[pick(values) for values in victims.values() if values] for victims in seeds.values()]


def _flat(clusters: Iterable[Iterable[float]]) -> list[float]:
    return [value for cluster in clusters for value in cluster]


def _fields(setting: Setting) -> dict[str, Any]:
    return {field.name: getattr(setting, field.name) for field in fields(Setting)}


def _psnr_by_attack(ok: list[Record]) -> dict[str, float]:
    means = {
        attack: _mean(
            _values((record for record in ok if record.attack == attack), lambda record: record.psnr)
        )
        for attack in attacks_in(ok)
    }
    return {attack: mean for attack, mean in means.items() if mean is not None}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _median(records: Iterable[Record], metric: Metric) -> float | None:
    values = _values(records, metric)
    return float(np.median(values)) if values else None
