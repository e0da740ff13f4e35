"""docs/records.md and the code name the same fields and the same thresholds."""

import re
from dataclasses import fields
from pathlib import Path

from gradveil.records import SCHEMA, Record
from gradveil.records.bootstrap import RESAMPLES
from gradveil.records.verdict import GUESS_MARGIN_DB, GUESS_RANK_FACTOR, OPEN_ABOVE_DB, SAFE_BELOW_DB

TEXT = (Path(__file__).parents[2] / "docs" / "records.md").read_text()


def test_every_field_is_documented_once():
    documented = re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.MULTILINE)
    assert sorted(documented) == sorted(field.name for field in fields(Record))


def test_version_and_thresholds_agree():
    words = " ".join(TEXT.split())
    assert f"schema version {SCHEMA}." in words
    assert f"{RESAMPLES} resamples" in words
    assert f"PSNR below {SAFE_BELOW_DB:g} dB" in words
    assert f"above {OPEN_ABOVE_DB:g} dB" in words
    assert f"at most {GUESS_MARGIN_DB:g} dB above" in words
    assert f"divided by {GUESS_RANK_FACTOR:g}" in words
