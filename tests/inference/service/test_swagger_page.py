"""The documentation in Chromium, which may load nothing from elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import ALONE, chromium
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from service_client import running


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    with chromium(ALONE, window="1280,2400", logs=("browser", "performance")) as browser:
        yield browser


def asked_for(browser: webdriver.Chrome) -> set[str]:
    """Addresses of what the browser fetched."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [one["params"] for one in events if one["method"] == "Network.requestWillBeSent"]
    return {one["request"]["url"] for one in sent}


@pytest.mark.browser
def test_swagger_tries_a_picture_out_and_fetches_nothing_from_elsewhere(
    browser: webdriver.Chrome, exported: Path, tmp_path: Path, red: bytes
) -> None:
    photo = tmp_path / "red.png"
    photo.write_bytes(red)
    wait = WebDriverWait(browser, 60)

    def found(selector: str) -> webdriver.remote.webelement.WebElement:
        return wait.until(lambda page: page.find_element(By.CSS_SELECTOR, selector))

    with running(exported, tmp_path, "--no-page") as served:
        browser.get(f"{served.url}/docs")
        found("#operations-faces-find_faces .opblock-summary-control").click()
        found(".try-out__btn").click()
        found("input[type=file]").send_keys(str(photo))
        found(".execute").click()
        answer = json.loads(found(".live-responses-table .response-col_description code").text)
        assert answer["images"][0]["faces"][0]["predictions"][0]["decision"] == "man"
        own = (served.url, "data:", "blob:", "chrome:", "devtools:")
        assert not [url for url in asked_for(browser) if not url.startswith(own)]
        failures = [one["message"] for one in browser.get_log("browser")]
        assert not [one for one in failures if "Content Security Policy" in one], failures
        browser.save_screenshot(str(tmp_path / "swagger.png"))
