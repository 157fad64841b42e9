"""Chromium for the tests of pages: without a window, with an empty profile and a drawn camera."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
ALONE = "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""Argument by which the browser knows no host but this machine."""

_ARGUMENTS = (
    "headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage",
    "disable-background-networking", "disable-component-update", "disable-sync", "no-first-run",
    "use-fake-ui-for-media-stream", "use-fake-device-for-media-stream",
)  # fmt: skip


@contextmanager
def chromium(
    *more: str, window: str = "1280,900", logs: tuple[str, ...] = ("browser",)
) -> Iterator[webdriver.Chrome]:
    """A browser that ends with the block; skips the test where there is none.

    Args:
        *more: Further arguments, without their dashes.
        window: Width and height, pixels.
        logs: Logs to keep.
    """
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", dict.fromkeys(logs, "ALL"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        own = (f"window-size={window}", f"user-data-dir={profile}")
        for argument in (*_ARGUMENTS, *more, *own):
            options.add_argument(f"--{argument}")
        browser = webdriver.Chrome(options, Service(DRIVER))
        try:
            yield browser
        finally:
            browser.quit()
