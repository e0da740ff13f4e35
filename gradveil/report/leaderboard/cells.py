"""The columns of the leaderboard, each with what a reader sees and what it is sorted by."""

from collections.abc import Callable
from dataclasses import dataclass

from gradveil.records.columns import ABSENT, between, number
from gradveil.records.labels import attack_label
from gradveil.report.leaderboard.entries import Adversary, Entry


@dataclass(frozen=True, slots=True)
class Cell:
    """Text, a smaller line below it, and the number it is sorted by; None stands last."""

    text: str
    note: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """Heading, unit, explanation for the glossary, and the cell of an entry."""

    heading: str
    unit: str
    meaning: str
    cell: Callable[[Entry], Cell]


def _adversary(found: Adversary | None) -> Cell:
    if found is None:
        return Cell(ABSENT, "none applied")
    return Cell(between(found.psnr), attack_label(found.attack), found.psnr.mean)


def _worst(entry: Entry) -> Cell:
    if entry.row.worst is None:
        return Cell(ABSENT, f"{entry.row.failed} failed" if entry.row.failed else "")
    attacks = ", ".join(f"{attack_label(attack)} {count}" for attack, count in entry.best)
    return Cell(between(entry.row.worst), attacks, entry.row.worst.mean)


def _gap(entry: Entry) -> Cell:
    return Cell(ABSENT) if entry.gap is None else Cell(f"{entry.gap:+.1f}", "", entry.gap)


def _accuracy(entry: Entry) -> Cell:
    trained = entry.row.trained
    if trained is None or trained.accuracy is None:
        return Cell(ABSENT, "not trained" if trained is None else "failed")
    return Cell(between(trained.accuracy), "", trained.accuracy.mean)


def _lost(entry: Entry) -> Cell:
    lost = None if entry.row.trained is None else entry.row.trained.lost
    return Cell(number(lost), "", lost)


def _scaled(value: float | None, factor: float) -> Cell:
    if value is None:
        return Cell(ABSENT)
    scaled = value * factor
    return Cell(f"{scaled:,.1f}" if scaled < 100 else f"{scaled:,.0f}", "", scaled)


def _error(entry: Entry) -> Cell:
    value = entry.row.aggregate_error
    return Cell(ABSENT) if value is None else Cell(f"{value:.1e}" if value else "0", "", value)


COLUMNS = (
    Column(
        "does not know the defense",
        "dB [95 % CI]",
        "mean PSNR of the strongest attack that takes the update for an undefended one, and its name",
        lambda entry: _adversary(entry.standard),
    ),
    Column(
        "knows the defense",
        "dB [95 % CI]",
        "the same for attacks that reckon with the defense and its knobs, but hold none of its secrets",
        lambda entry: _adversary(entry.informed),
    ),
    Column("gap", "dB", "how much the second is above the first", _gap),
    Column(
        "worst adversary",
        "dB [95 % CI]",
        "on each victim the strongest of all attacks, the guess included, then the mean; below, which attack "
        "it was on how many victims",
        _worst,
    ),
    Column(
        "SSIM",
        "",
        "structural similarity of the best reconstruction",
        lambda entry: Cell(number(entry.row.ssim, 2), "", entry.row.ssim),
    ),
    Column(
        "accuracy",
        "% [95 % CI]",
        "on held-out images after trainings behind the defense; the interval is over trainings and these "
        "images, so that with one training it is over images alone",
        _accuracy,
    ),
    Column("lost", "points", "accuracy of the same training without a defense, minus that", _lost),
    Column("up", "KiB", "bytes that a client sends in a round", lambda e: _scaled(e.row.bytes_up, 1 / 1024)),
    Column("down", "KiB", "bytes that it receives", lambda e: _scaled(e.row.bytes_down, 1 / 1024)),
    Column(
        "client", "ms", "time a client spends on the defense", lambda e: _scaled(e.row.seconds_client, 1e3)
    ),
    Column(
        "aggr. error",
        "",
        "distance of the mean that arrives from the true one, over the latter's norm",
        _error,
    ),
)
