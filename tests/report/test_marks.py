"""Plots and tables in a real browser: reached by keyboard, told by name and figures, marked together."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from gradveil.records import RecordStore, summarise
from gradveil.records.columns import COLUMNS
from gradveil.records.utility import load_utilities

FRONTIER = "#frontier [data-chapter='0'] figure:not([hidden]) .point"
CURVES = "#accuracy [data-chapter='0'] .curve"
ROWS = "#headline [data-chapter='0'] tbody tr"


@pytest.fixture(autouse=True)
def opened(browser, report):
    browser.get(report.as_uri())


@pytest.fixture(scope="module")
def rows(run_dir):
    found = summarise(RecordStore(run_dir).load(), load_utilities(run_dir))
    return [row for row in found if row.model == "lenet"]


def focus(browser, selector):
    """The one stop of the Tab key in a plot."""
    (stop,) = browser.find_elements("css selector", f"{selector}[tabindex='0']")
    browser.execute_script("arguments[0].focus()", stop)
    return stop


def press(browser, *keys):
    for key in keys:
        browser.switch_to.active_element.send_keys(key)
    return browser.switch_to.active_element


def tip(browser):
    return browser.find_element("css selector", ".tip")


def chosen(browser):
    script = "return [...document.querySelectorAll('.chosen')].map(e => e.closest('section').id)"
    return browser.execute_script(script)


def chosen_row(browser):
    script = "return [...document.querySelectorAll('.summary tr.chosen th')].map(e => e.textContent)"
    return browser.execute_script(script)


def figures(row):
    """What a point tells of its setting, from the records."""
    cells = {column.heading: column.cell(row) for column in COLUMNS}
    wanted = ("mask-naive", "worst", "acc.", "lost", "up", "client")
    return [f"{heading} {cells[heading]}" for heading in wanted]


def test_every_point_tells_its_name_and_figures(browser, rows):
    points = browser.find_elements("css selector", FRONTIER)
    assert len(points) == len(rows)
    for point, row in zip(points, rows, strict=True):
        label = point.get_attribute("aria-label")
        assert label.startswith(f"{row.label}, ")
        assert all(figure in label for figure in figures(row))
        assert ("visible" in label) == (row.visible is not None)


def test_a_reader_hears_a_button_in_a_named_group(browser):
    point = focus(browser, FRONTIER)
    assert point.aria_role == "button"
    assert point.accessible_name == point.get_attribute("aria-label")
    group = browser.find_element("css selector", "#frontier svg")
    assert (group.aria_role, group.accessible_name) == ("group", "Leakage against upload")


@pytest.mark.parametrize("plot", [FRONTIER, CURVES], ids=["points", "curves"])
def test_arrows_walk_through_a_plot_from_left_to_right(browser, plot):
    focus(browser, plot)
    count = len(browser.find_elements("css selector", plot))
    seen = [press(browser, Keys.HOME)]
    seen += [press(browser, Keys.ARROW_RIGHT) for _ in range(count)]
    assert len({mark.get_attribute("data-setting") for mark in seen}) == count
    assert seen[-1] == seen[-2] == press(browser, Keys.END)
    lefts = [mark.rect["x"] for mark in seen]
    assert lefts == sorted(lefts)
    assert press(browser, Keys.ARROW_UP) == seen[-3]
    assert len(browser.find_elements("css selector", f"{plot}[tabindex='0']")) == 1


def test_focus_shows_a_tooltip_beside_the_point_and_escape_hides_it(browser, rows):
    point = focus(browser, FRONTIER)
    row = rows[int(point.get_attribute("data-setting"))]
    shown = tip(browser)
    assert shown.text.splitlines()[0] == row.label
    assert all(figure in shown.text for figure in figures(row))
    assert abs(shown.rect["y"] - point.rect["y"]) < 60
    press(browser, Keys.ESCAPE)
    assert not shown.is_displayed()


def test_the_pointer_shows_a_tooltip_that_it_may_enter(browser, rows):
    point = browser.find_elements("css selector", FRONTIER)[-1]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    ActionChains(browser).move_to_element(point).perform()
    assert tip(browser).text.startswith(rows[-1].label)
    ActionChains(browser).move_to_element(tip(browser)).perform()
    assert tip(browser).is_displayed()
    ActionChains(browser).move_to_element(browser.find_element("css selector", "#frontier h2")).perform()
    assert not tip(browser).is_displayed()


@pytest.mark.parametrize("key", [Keys.ENTER, Keys.SPACE], ids=["enter", "space"])
def test_a_key_marks_the_setting_everywhere_and_again_nowhere(browser, key):
    focus(browser, CURVES)
    press(browser, Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    marked = press(browser, key)
    assert chosen_row(browser) == ["CKKS magnitude 1 %"]
    everywhere = ["headline", *["frontier"] * 3, *["accuracy"] * 2, "layers", *["prediction"] * 2, "gallery"]
    assert chosen(browser) == everywhere
    assert marked.get_attribute("aria-pressed") == "true"
    told = browser.find_element("id", "told").get_attribute("textContent")
    assert told == "CKKS magnitude 1 %: marked in all plots and tables."
    press(browser, key)
    assert chosen(browser) == []
    assert marked.get_attribute("aria-pressed") == "false"


def test_a_row_marks_its_points_and_another_row_takes_over(browser):
    first, second = browser.find_elements("css selector", f"{ROWS} button")[1:3]
    browser.execute_script("arguments[0].focus()", first)
    press(browser, Keys.ENTER)
    second.click()
    assert [one.get_attribute("aria-pressed") for one in (first, second)] == ["false", "true"]
    assert set(chosen(browser)) == {"headline", "frontier", "accuracy", "layers", "prediction", "gallery"}
    points = browser.find_elements("css selector", ".point.chosen")
    assert {point.get_attribute("data-setting") for point in points} == {"2"}


def test_a_mark_is_seen_without_colour(browser):
    point = focus(browser, FRONTIER)
    press(browser, Keys.ESCAPE)
    browser.execute_script("document.activeElement.blur()")
    before = point.rect["width"]
    browser.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", point)
    assert point.rect["width"] > 1.5 * before
    row = browser.find_element("css selector", ".summary tr.chosen th")
    assert "inset" in row.value_of_css_property("box-shadow")


def test_the_axis_is_chosen_by_keyboard(browser):
    shown = (
        "return [...document.querySelectorAll('#frontier [data-chapter=\"0\"] [data-axis]:not([hidden])')]"
    )
    axes = f"{shown}.map(e => e.dataset.axis)"
    browser.execute_script("document.querySelector('.axes input').focus()")
    assert browser.execute_script(axes) == ["bytes"]
    press(browser, Keys.ARROW_RIGHT)
    assert browser.execute_script(axes) == ["seconds"]
    press(browser, Keys.ARROW_RIGHT)
    assert browser.execute_script(axes) == ["accuracy"]
    points = browser.find_elements("css selector", FRONTIER)
    lefts = [float(one.get_attribute("aria-label").partition("acc. ")[2].split()[0]) for one in points]
    xs = [one.rect["x"] for one in points]
    assert sorted(xs) == [x for _, x in sorted(zip(lefts, xs, strict=True))]
    assert focus(browser, FRONTIER).is_displayed()


def test_the_browser_has_no_complaint(browser):
    focus(browser, FRONTIER)
    press(browser, Keys.END, Keys.ENTER)
    assert browser.get_log("browser") == []
