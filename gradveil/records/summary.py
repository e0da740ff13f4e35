"""Many records, a few rows: what each setting leaks to the worst of the portfolio, and what it costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradveil.records.labels import attacks_in, defense_label, defense_order
from gradveil.records.record import Record

RESAMPLES = 2000
CONFIDENCE = 0.95
_BOOTSTRAP_SEED = 20260

Metric = Callable[[Record], float | None]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over victims and its bootstrap confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """One setting (model, defense, strategy, ratio) over all its victims.

    `psnr` maps each attack to its mean, in dB. `worst`, `ssim` and `rank100` take the attack that is best
    for the adversary on each victim (the guess included), then the mean over victims; `guess_rank100` is the
    mean of the guess alone. Costs are medians:
    bytes per client, seconds. None means that no trial gave a value.
    """

    model: str
    defense: str
    strategy: str | None
    ratio: float | None
    ratio_nonzero: float | None
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

    @property
    def label(self) -> str:
        """The short name of the setting."""
        return defense_label(self.defense, self.strategy, self.ratio)


def summarise(records: Iterable[Record]) -> list[Row]:
    """One row a setting: models by name, defenses from none to secure aggregation."""
    groups: dict[tuple[str, str, str | None, float | None], list[Record]] = {}
    for record in records:
        setting = (record.model, record.defense, record.strategy, record.ratio)
        groups.setdefault(setting, []).append(record)
    order = sorted(groups, key=lambda setting: (setting[0], defense_order(*setting[1:])))
    return [_row(groups[setting]) for setting in order]


def by_model(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each model, in the order given."""
    models: dict[str, list[Row]] = {}
    for row in rows:
        models.setdefault(row.model, []).append(row)
    return models


def interval(values: Sequence[float]) -> Interval | None:
    """Mean and 95 % percentile bootstrap interval, by a fixed seed; None of nothing."""
    if not values:
        return None
    sample = np.asarray(values)
    draws = np.random.default_rng(_BOOTSTRAP_SEED).choice(sample, size=(RESAMPLES, len(sample)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws.mean(axis=1), [tail, 1 - tail])
    return Interval(float(sample.mean()), float(low), float(high))


def _row(group: list[Record]) -> Row:
    first = group[0]
    ok = [record for record in group if record.status == "ok"]
    paid = [record for record in group if record.status != "failed"]  # a failed trial may not have measured
    return Row(
        model=first.model,
        defense=first.defense,
        strategy=first.strategy,
        ratio=first.ratio,
        ratio_nonzero=_mean(_values(group, lambda record: record.ratio_nonzero)),
        victims=len({record.victim for record in group}),
        psnr=_psnr_by_attack(ok),
        worst=interval(_worst(ok, lambda record: record.psnr, max)),
        ssim=_mean(_worst(ok, lambda record: record.ssim, max)),
        rank100=_mean(_worst(ok, lambda record: record.rank100, min)),
        guess_rank100=_mean(_values((r for r in ok if r.attack == "guess"), lambda record: record.rank100)),
        bytes_up=_median(paid, lambda record: record.bytes_up),
        bytes_down=_median(paid, lambda record: record.bytes_down),
        seconds_client=_median(paid, lambda record: record.seconds_client),
        seconds_server=_median(paid, lambda record: record.seconds_server),
        aggregate_error=max(_values(paid, lambda record: record.aggregate_error), default=None),
        failed=len(group) - len(paid),
    )


def _values(records: Iterable[Record], metric: Metric) -> list[float]:
    return [value for record in records if (value := metric(record)) is not None]


def _worst(records: Iterable[Record], metric: Metric, pick: Callable[[list[float]], float]) -> list[float]:
    victims: dict[int, list[float]] = {}
    for record in records:
        victims.setdefault(record.victim, []).extend(_values([record], metric))
    return [pick(values) for values in victims.values() if values]


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
