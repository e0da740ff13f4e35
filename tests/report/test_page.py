import base64
import hashlib
import html
import re
import shutil
from dataclasses import replace

import matplotlib as mpl
import pytest

from gradveil.records import RecordError, RecordStore, summarise, verdict
from gradveil.records.summary import by_subject
from gradveil.report import NoRunError, write_report
from gradveil.report.templates import script
from tests.report.conftest import BREAKOUT, HOSTILE, SETTINGS, build_run

SECTIONS = [
    *("headline", "frontier", "accuracy", "layers", "prediction", "gallery", "assumptions", "claims", "run"),
    *("shortfalls", "glossary"),
]


@pytest.fixture(scope="session")
def page(report):
    return report.read_text()


def section(page, name):
    return re.search(rf'<section id="{name}">(.*?)</section>', page, flags=re.DOTALL).group(1)


def without_script(page):
    """The page without the one script that it allows itself by digest."""
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    return page.replace(f"<script>{script}</script>", "")


def words(fragment):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", fragment)).split())


def test_the_report_is_written_where_it_says(run_dir, report, page):
    assert report == run_dir / "report.html"
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


def test_global_plot_settings_are_left_alone(small):
    before = dict(mpl.rcParams)
    write_report(small.path.parent)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_has_content(page, name):
    assert len(words(section(page, name))) > 60


def test_nothing_is_fetched_from_outside(page):
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    page = without_script(page)
    targets = re.findall(r'(?:src|href|data|action)="([^"]*)"', page)
    assert {target.partition(",")[0][:5] for target in targets if not target.startswith("#")} <= {"data:"}
    assert not re.search(r"<(script|iframe|object|embed|form|base)\b", page)
    assert not re.search(r"\son\w+=", page)
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_policy_forbids_everything_but_data_images_and_one_script(page):
    policy = r"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-[\w+/]{43}='"
    assert re.search(f'<meta http-equiv="Content-Security-Policy" content="{policy}">', page)


def test_the_script_makes_no_markup_of_text():
    text = script("marks.js").text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(", text)
    assert "</" not in text
    assert not re.search(r"fetch|XMLHttp|import|localStorage|cookie", text)


def test_ids_are_of_one_element_each_and_references_have_one(page):
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)


def test_the_verdicts_are_those_of_the_records(run_dir, page):
    rows = by_subject(summarise(RecordStore(run_dir).load()))
    assert set(rows) == {"mlp", "lenet"}
    for group in rows.values():
        assert html.escape(verdict(group)) in page


def test_every_setting_is_in_table_plot_and_gallery(run_dir, page):
    for row in summarise(RecordStore(run_dir).load()):
        assert row.label in words(section(page, "headline"))
        plots = 2 if row.strategy == "named" else 3  # the training behind the named layers failed
        assert section(page, "frontier").count(f">{row.label}</text>") == 2 * plots
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
    page = without_script(write_report(hostile_run).read_text())
    assert not re.search(r"<script|</script|<img src=x", page)
    assert HOSTILE in words(section(page, "claims"))
    assert BREAKOUT in words(section(page, "accuracy"))
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


def test_accuracies_stand_in_the_table_and_in_a_section_with_their_intervals(page):
    (line,) = re.findall(r">CKKS magnitude 10 %</th>(.*?)</tr>", section(page, "headline"))[:1]
    assert words(line).split()[-7:-5] == ["82.0", "8.0"]
    text = words(section(page, "accuracy"))
    assert re.search(r"CKKS magnitude 10 % 82\.0 \[\d\d\.\d, \d\d\.\d\] 8\.0 200 5 1 none", text)
    assert "DefenseError: does not fit" in text
    assert "rounds 200" in text


def test_a_run_without_trainings_says_how_to_get_them(small):
    page = write_report(small.path.parent).read_text()
    assert "Nothing was trained in this run" in words(section(page, "accuracy"))
    assert ">lost<" not in section(page, "headline")


def test_a_damaged_training_is_an_error(small):
    (small.path.parent / "utility").mkdir()
    (small.path.parent / "utility" / "ab.json").write_text("{}")
    with pytest.raises(RecordError, match=r"ab\.json"):
        write_report(small.path.parent)
