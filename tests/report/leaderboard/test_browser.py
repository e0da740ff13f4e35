"""The page in a real browser: it sorts by keyboard, fits its frame, and fetches nothing."""

import pytest
from selenium.webdriver.common.keys import Keys

from gradveil.report import write_leaderboard
from tests.browsing import browsing

SETTINGS = "return [...document.querySelectorAll('.leaderboard tbody th')].map(e => e.dataset.value)"
BUTTON = "//table[contains(@class, 'leaderboard')]//th[contains(., '{}')]/button"


@pytest.fixture(scope="module")
def browser(board_run, tmp_path_factory):
    page = write_leaderboard([board_run], board_run / "leaderboard.html")
    with browsing(page, tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def press(browser, heading):
    """Focus a heading and press Enter; the settings in their new order."""
    button = browser.find_element("xpath", BUTTON.format(heading))
    browser.execute_script("arguments[0].focus()", button)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    return [label.partition(" ")[0] for label in browser.execute_script(SETTINGS)]


def test_a_heading_sorts_by_keyboard_and_back(browser):
    assert press(browser, "accuracy")[:2] == ["secure", "no"]  # equal ones stay in order
    assert press(browser, "gap")[0] == "soteria"
    assert press(browser, "gap")[-1] == "soteria"


def test_what_was_not_measured_stands_last_both_ways(browser):
    for _ in range(2):
        assert press(browser, "lost")[-1].startswith("<script>")


def test_screen_readers_are_told(browser):
    press(browser, "worst adversary")
    told = browser.find_element("id", "sorted").get_attribute("textContent")
    assert told.startswith("Sorted by worst adversary")
    sorted_by = browser.find_elements("css selector", "th[aria-sort]")
    assert len(sorted_by) == 1


def test_the_page_itself_does_not_scroll_sideways(browser):
    script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert browser.execute_script(script)


def test_every_line_is_drawn(browser):
    script = "return [...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().width)"
    widths = browser.execute_script(script)
    assert len(widths) == 4
    assert min(widths) > 50


def test_no_request_leaves_the_file_and_nothing_is_complained_about(browser):
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    assert [name for name in browser.execute_script(script) if not name.startswith("data:")] == []
    assert browser.get_log("browser") == []
