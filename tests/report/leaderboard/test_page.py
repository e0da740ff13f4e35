"""The page without a browser: complete, escaped, reproducible."""

import base64
import hashlib
import re

import pytest

from gradveil.report import NoRunError, write_leaderboard
from tests.report.conftest import HOSTILE


@pytest.fixture(scope="module")
def text(board_run):
    return write_leaderboard([board_run], board_run / "leaderboard.html").read_text()


def lines_of(text):
    bodies = re.findall(r"<tr class=\"[^\"]*\">\n\s*<th scope=\"row\" data-value=.*?</tr>", text, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)) for body in bodies]


def test_every_setting_has_a_line_with_both_adversaries(text):
    lines = lines_of(text)
    assert len(lines) == 4
    (soteria,) = [line for line in lines if "soteria" in line]
    for part in ("share 0.8", "only looks safe", "9.0 [8.0, 10.0]", "46.0 [45.0, 47.0]", "+37.0", "85.0 ["):
        assert part in soteria
    assert "adaptive 3" in soteria


def test_a_training_that_failed_gives_its_reason(text):
    assert "DefenseError: does not fit" in text


def test_names_from_records_are_escaped(text):
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_the_one_script_is_allowed_by_its_digest(text):
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "unsafe-inline'; script" not in text.replace("style-src 'unsafe-inline'; script", "")


def test_nothing_is_fetched(text):
    assert re.findall(r"(?:src|href)=\"(?!data:|#)", text) == []


def test_the_same_run_gives_the_same_bytes(board_run, text, tmp_path):
    assert write_leaderboard([board_run], tmp_path / "again.html").read_text() == text


def test_a_folder_without_records_is_refused(board_run, tmp_path):
    with pytest.raises(NoRunError, match="gradveil audit"):
        write_leaderboard([board_run, tmp_path], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
