"""A real browser for pages on disk."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars
--disable-background-networking --disable-component-update --disable-sync --window-size=1280,1400"""


@contextmanager
def browsing(page: Path, profile: Path) -> Iterator[webdriver.Chrome]:
    """Chromium with the page open; the test is skipped where there is none, and fails on CI."""
    if not (CHROMIUM.exists() and DRIVER.exists()):
        reason = "chromium and chromium-driver are not installed: apt-get install chromium chromium-driver"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.get(page.as_uri())
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)
