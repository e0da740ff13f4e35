"""The page in a real browser: it shows something, all of it, and fetches nothing."""

import io

import numpy as np
import pytest
from PIL import Image

from gradveil.report import write_report
from tests.report.conftest import BREAKOUT, HOSTILE

PLOTS = 2 * 7  # models; three costs, shares, trainings, two predictions


@pytest.fixture(autouse=True)
def opened(browser, report):
    browser.get(report.as_uri())


def sizes(browser, selector):
    script = (
        "return [...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect().toJSON())"
    )
    return [(box["width"], box["height"]) for box in browser.execute_script(script, selector)]


def assert_all_plots_are_shown(browser):
    boxes = sizes(browser, "svg")
    assert len(boxes) == PLOTS
    assert min(min(box) for box in boxes) > 200


def test_plots_have_a_size_and_one_cost_is_shown_at_a_time(browser):
    shown = [box for box in sizes(browser, "svg") if min(box) > 200]
    assert len(shown) == PLOTS - 2 * 2


def test_print_shows_all_plots_and_nothing_to_press(browser):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert_all_plots_are_shown(browser)
        assert {size for size in sizes(browser, ".axes, .tip, nav")} == {(0, 0)}
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_without_script_everything_is_there_and_nothing_to_press(browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        assert_all_plots_are_shown(browser)
        assert sizes(browser, "button, input, [tabindex]") == []
        assert len(sizes(browser, "figure[role=img][aria-label]")) == PLOTS
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_hostile_name_does_nothing_but_stand_there(browser, hostile_run):
    browser.get(write_report(hostile_run).as_uri())
    names = browser.execute_script(
        "return [...document.querySelectorAll('.summary tbody th')].map(e => e.textContent)"
    )
    point = browser.execute_script(
        "const m = document.querySelector('.point[data-setting=\"1\"]'); m.focus();"
        "return [m.getAttribute('aria-label'), document.querySelector('.tip strong').textContent]"
    )
    assert any(BREAKOUT in name for name in names)
    assert HOSTILE in names
    assert names[1] in point[0]
    assert point[1] == names[1]
    assert browser.execute_script("return document.scripts.length") == 1
    assert (
        browser.execute_script("return document.querySelectorAll('[onerror], .tip :not(strong, span)')") == []
    )
    assert browser.get_log("browser") == []  # no refused script either


def test_pictures_have_a_size_and_are_decoded(browser):
    boxes = sizes(browser, "img")
    assert len(boxes) == 2 * 11 * 3 * 5 - 14
    assert min(min(box) for box in boxes) > 40
    script = "return [...document.images].filter(i => !(i.complete && i.naturalWidth > 0)).length"
    assert browser.execute_script(script) == 0


def test_the_screenshot_is_not_blank(browser):
    pixels = np.asarray(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("L"), dtype=float)
    assert pixels.shape[1] == 1280
    assert pixels.std() > 10
    assert len(np.unique(pixels)) > 50


def test_everything_fits_a_1280_pixel_window(browser):
    script = """return [...document.querySelectorAll('html, .scroll, .plot')]
        .filter(e => e.scrollWidth > e.clientWidth).map(e => e.className)"""
    assert browser.execute_script(script) == []


def test_no_request_leaves_the_file(browser):
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    assert [name for name in browser.execute_script(script) if not name.startswith("data:")] == []


def test_the_browser_has_no_complaint(browser):
    assert browser.get_log("browser") == []
