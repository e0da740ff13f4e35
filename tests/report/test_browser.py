"""The page in a real browser: it shows something, all of it, and fetches nothing."""

import io

import numpy as np
import pytest
from PIL import Image

from gradveil.report import write_report
from tests.browsing import browsing


@pytest.fixture(scope="module")
def browser(run_dir, tmp_path_factory):
    with browsing(write_report(run_dir), tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def sizes(browser, selector):
    script = (
        "return [...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect().toJSON())"
    )
    return [(box["width"], box["height"]) for box in browser.execute_script(script, selector)]


def test_plots_have_a_size(browser):
    boxes = sizes(browser, "svg")
    assert len(boxes) == 10
    assert min(min(box) for box in boxes) > 200


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
