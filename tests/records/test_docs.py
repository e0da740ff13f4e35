"""docs/records.md and the code name the same fields and the same thresholds."""

import re
from dataclasses import fields
from pathlib import Path

from gradveil.records import SCHEMA, Record
from gradveil.records.bootstrap import RESAMPLES
from gradveil.records.utility import UTILITY_SCHEMA, Utility
from gradveil.records.verdict import GUESS_MARGIN_DB, GUESS_RANK_FACTOR, OPEN_ABOVE_DB, SAFE_BELOW_DB

SHARED = {"model", "data", "defense", "knobs", "strategy", "ratio", "versions", "machine", "error"}
TEXT = (Path(__file__).parents[2] / "docs" / "records.md").read_text()


def documented(text):
    return sorted(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))


def test_every_field_is_documented_once():
    before, _, rest = TEXT.partition("## Trainings")
    trainings, _, after = rest.partition("## Parquet")
    assert documented(before + after) == sorted(field.name for field in fields(Record))
    assert documented(trainings) == sorted({field.name for field in fields(Utility)} - SHARED)


def test_shared_fields_and_the_version_of_trainings_are_named():
    trainings = TEXT.partition("## Trainings")[2].partition("## Parquet")[0]
    assert all(f"`{name}`" in trainings for name in SHARED)
    assert f"version of this format: {UTILITY_SCHEMA} " in trainings


def test_version_and_thresholds_agree():
    words = " ".join(TEXT.split())
    assert f"schema version {SCHEMA}." in words
    assert f"{RESAMPLES} resamples" in words
    assert f"PSNR below {SAFE_BELOW_DB:g} dB" in words
    assert f"above {OPEN_ABOVE_DB:g} dB" in words
    assert f"at most {GUESS_MARGIN_DB:g} dB above" in words
    assert f"divided by {GUESS_RANK_FACTOR:g}" in words
