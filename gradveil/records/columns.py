"""The columns of a summary table, the same in the terminal and in the report."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gradveil.records.bootstrap import Interval
from gradveil.records.labels import ATTACKS, attack_label
from gradveil.records.summary import Row

ABSENT = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: heading, unit below it, and the text of a row's cell."""

    heading: str
    unit: str
    cell: Callable[[Row], str]


def number(value: float | None, digits: int = 1) -> str:
    """A value with fixed decimals, or a dash."""
    return ABSENT if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return ABSENT if value is None else f"{100 * value:.3g}"


def _short(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _kib(value: float | None) -> str:
    return ABSENT if value is None else _short(value / 1024)


def _ms(value: float | None) -> str:
    return ABSENT if value is None else _short(1000 * value)


def _error(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.0e}" if value else "0"


def between(value: Interval | None) -> str:
    """A mean with its interval, or a dash."""
    return ABSENT if value is None else f"{value.mean:.1f} [{value.low:.1f}, {value.high:.1f}]"


def _psnr(attack: str) -> Column:
    return Column(attack_label(attack), "dB", lambda row: number(row.psnr.get(attack)))


def _accuracy(row: Row) -> str:
    return number(row.trained.accuracy.mean if row.trained and row.trained.accuracy else None)


def _lost(row: Row) -> str:
    return number(row.trained.lost if row.trained else None)


_TRAINED = (Column("acc.", "%", _accuracy), Column("lost", "pts", _lost))

COLUMNS = (
    Column("defense", "", lambda row: row.label),
    Column("enc.", "%", lambda row: _share(row.ratio)),
    Column("of non-zero", "%", lambda row: _share(row.ratio_nonzero)),
    *(_psnr(attack) for attack in ATTACKS),
    Column("worst", "dB [95 % CI]", lambda row: between(row.worst)),
    Column("SSIM", "", lambda row: number(row.ssim, 2)),
    Column("rank", "of 100", lambda row: number(row.rank100)),
    *_TRAINED,
    Column("up", "KiB", lambda row: _kib(row.bytes_up)),
    Column("down", "KiB", lambda row: _kib(row.bytes_down)),
    Column("client", "ms", lambda row: _ms(row.seconds_client)),
    Column("server", "ms", lambda row: _ms(row.seconds_server)),
    Column("aggr. error", "", lambda row: _error(row.aggregate_error)),
)


def columns(rows: Iterable[Row]) -> list[Column]:
    """All of them; those of accuracy only if a network was trained behind one of the defenses."""
    trained = any(row.trained for row in rows)
    return [column for column in COLUMNS if trained or column not in _TRAINED]
