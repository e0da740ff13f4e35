import html
import re
import shutil
from dataclasses import replace

import matplotlib as mpl
import pytest

from gradveil.records import RecordError, RecordStore, summarise, verdict
from gradveil.records.summary import by_subject
from gradveil.report import NoRunError, write_report
from tests.report.conftest import HOSTILE, SETTINGS, build_run

SECTIONS = ["headline", "frontier", "gallery", "assumptions", "claims", "run", "shortfalls", "glossary"]


@pytest.fixture(scope="session")
def page(run_dir):
    return write_report(run_dir).read_text()


def section(page, name):
    return re.search(rf'<section id="{name}">(.*?)</section>', page, flags=re.DOTALL).group(1)


def words(fragment):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", fragment)).split())


def test_the_report_is_written_where_it_says(run_dir, page):
    assert write_report(run_dir) == run_dir / "report.html"
    assert page.startswith("<!doctype html>")
    assert not list(run_dir.glob(".report*"))


def test_the_same_run_gives_the_same_bytes(run_dir, page):
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path"}):  # a user's settings must not matter
        assert write_report(run_dir).read_text() == page


def test_the_order_of_trials_does_not_matter(run_dir, page, tmp_path):
    shutil.copytree(run_dir, tmp_path / "again")
    store = RecordStore(tmp_path / "again")
    lines = store.path.read_text().splitlines(keepends=True)
    store.path.write_text("".join(reversed(lines)))
    assert write_report(tmp_path / "again").read_text() == page


def test_global_plot_settings_are_left_alone(run_dir, page):
    before = dict(mpl.rcParams)
    write_report(run_dir)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_content(page, name):
    assert len(words(section(page, name))) > 60


def test_nothing_is_fetched_from_outside(page):
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    targets = re.findall(r'(?:src|href|data|action)="([^"]*)"', page)
    assert {target.partition(",")[0][:5] for target in targets if not target.startswith("#")} <= {"data:"}
    assert not re.search(r"<(script|iframe|object|embed|form|base)\b", page)
    assert not re.search(r"\son\w+=", page)
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_policy_forbids_everything_but_data_images(page):
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page


def test_the_verdicts_are_those_of_the_records(run_dir, page):
    rows = by_subject(summarise(RecordStore(run_dir).load()))
    assert set(rows) == {"mlp", "lenet"}
    for group in rows.values():
        assert html.escape(verdict(group)) in page


def test_every_setting_is_in_table_plot_and_gallery(run_dir, page):
    for row in summarise(RecordStore(run_dir).load()):
        assert row.label in words(section(page, "headline"))
        assert section(page, "frontier").count(f">{row.label}</text>") == 4  # two models, two plots
        assert row.label in words(section(page, "gallery"))


def test_the_gallery_shows_every_trial_or_says_why_not(page):
    tiles = 2 * len(SETTINGS) * 3 * 5  # models, settings, victims, truth and attacks
    gallery = section(page, "gallery")
    assert gallery.count('class="tile ') == tiles
    words_ = gallery.count("does not apply") + gallery.count(">failed<")
    assert words_ == 2 * (2 * 3 + 1)
    assert gallery.count("<img ") == tiles - words_


def test_failed_and_inapplicable_trials_are_listed_with_reasons(page):
    text = words(section(page, "shortfalls"))
    assert "failed lenet CKKS named 2.2 % mask-aware 1 LineSearchError: no descent after 20 halvings" in text
    assert "inapplicable mlp CKKS all closed-form 0, 1, 2 no gradient of one client is readable" in text


def test_assumptions_claims_machine_and_counts(page):
    assert "mask no yes yes" in words(section(page, "assumptions"))
    assert "the server learns sums over at least 3 of 5 clients" in words(section(page, "claims"))
    run = words(section(page, "run"))
    assert "264: 250 ok, 2 failed, 12 inapplicable" in run
    for fact in ("seed 7", "torch 2.12.0", "cpu Model & Co <2 GHz>", "victims 6", "clients 1 / 5"):
        assert fact in run


def test_a_hostile_name_stays_text(hostile_run):
    page = write_report(hostile_run).read_text()
    assert "<script" not in page
    assert HOSTILE in words(section(page, "claims"))
    assert page.count("&lt;script&gt;") > 10


def test_a_run_without_magnitude_settings_says_so(hostile_run):
    assert "no setting that encrypts by magnitude" in write_report(hostile_run).read_text()


@pytest.mark.parametrize("begun", [False, True])
def test_a_missing_or_empty_run_says_what_to_do(tmp_path, begun):
    if begun:
        (tmp_path / "records.jsonl").touch()
    with pytest.raises(NoRunError, match="run `gradveil audit` first"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.fixture
def small(tmp_path):
    return build_run(tmp_path, [("identity", None, None)])


def test_a_missing_picture_is_shown_as_missing(small):
    small.pictures_path(small.load()[0].key).unlink()
    assert write_report(small.path.parent).read_text().count(">no picture<") == 1


def test_a_damaged_picture_is_an_error_and_leaves_the_old_report(small):
    path = write_report(small.path.parent)
    before = path.read_bytes()
    small.pictures_path(small.load()[0].key).write_bytes(b"damage")
    with pytest.raises(RecordError, match="damaged"):
        write_report(small.path.parent)
    assert path.read_bytes() == before


def test_a_run_where_all_failed_still_has_a_report(tmp_path, run_dir):
    store = RecordStore(tmp_path)
    for record in RecordStore(run_dir).load()[:4]:
        store.append(
            replace(
                record,
                status="failed",
                error="broke",
                psnr=None,
                bytes_up=0,
                knows={},
                machine={},
                versions={},
            )
        )
    page = write_report(tmp_path).read_text()
    assert "so not drawn: no defense" in words(page)
    assert "No attack was granted anything" in page
    assert page.count("Not recorded.") == 2


def test_a_run_without_shortfalls_says_so(small):
    assert "every trial ended with a number" in write_report(small.path.parent).read_text()
