"""What the rows of one model say, as a sentence computed from them."""

from collections.abc import Sequence

from gradveil.records.summary import Row

# Conventions of this project, printed beside every verdict; no property of human vision.
SAFE_BELOW_DB = 10.0
OPEN_ABOVE_DB = 30.0
GUESS_MARGIN_DB = 1.0  # a maximum over several attacks beats their mean by chance alone
GUESS_RANK_FACTOR = 2.0  # for the same reason


def looks_safe(row: Row) -> bool:
    """Whether the mask-naive adversary gets nothing: mean PSNR below SAFE_BELOW_DB."""
    return "mask_naive" in row.psnr and row.psnr["mask_naive"] < SAFE_BELOW_DB


def is_open(row: Row) -> bool:
    """Whether the worst of the portfolio gets the image: mean PSNR above OPEN_ABOVE_DB."""
    return row.worst is not None and row.worst.mean > OPEN_ABOVE_DB


def held(row: Row) -> bool:
    """Whether no attack came clearly closer than the guess, in PSNR or rank; a failure proves nothing."""
    if row.worst is None or "guess" not in row.psnr or row.failed:
        return False
    return row.worst.mean <= row.psnr["guess"] + GUESS_MARGIN_DB and not _narrows_down(row)


def verdict(rows: Sequence[Row]) -> str:
    """Which settings of one model look safe and are not, and which held against every attack tried."""
    return f"{_deceptive(rows)} {_holding(rows)}"


def _narrows_down(row: Row) -> bool:
    if row.rank100 is None or row.guess_rank100 is None:
        return False
    return row.rank100 * GUESS_RANK_FACTOR <= row.guess_rank100


def _deceptive(rows: Sequence[Row]) -> str:
    names = [row.label for row in rows if looks_safe(row) and is_open(row)]
    naive = f"safe to the mask-naive adversary (mean PSNR below {SAFE_BELOW_DB:g} dB)"
    worst = f"to the worst of the portfolio (above {OPEN_ABOVE_DB:g} dB)"
    if not names:
        return f"No setting looks {naive} while being open {worst}."
    verbs = ("looks", "is") if len(names) == 1 else ("look", "are")
    return f"{_count(names)} {verbs[0]} {naive} but {verbs[1]} open {worst}: {', '.join(names)}."


def _holding(rows: Sequence[Row]) -> str:
    names = [row.label for row in rows if held(row)]
    margin = f"beat guessing by more than {GUESS_MARGIN_DB:g} dB or {GUESS_RANK_FACTOR:g} times in rank"
    if not names:
        return f"No setting is known to hold: on each, an attack {margin}, failed, or had no guess beside it."
    return f"No applicable attack {margin} against {', '.join(names)}."


def _count(names: Sequence[str]) -> str:
    return "1 setting" if len(names) == 1 else f"{len(names)} settings"
