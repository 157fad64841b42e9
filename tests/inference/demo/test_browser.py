"""The page in Chromium."""

import shutil
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from demo_server import Server
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

HEADER = "file,face,left,top,right,bottom,detection_score,p_man,label,error"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory() as profile:
        for argument in (
            "headless",
            "no-sandbox",
            "disable-gpu",
            "disable-dev-shm-usage",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "no-first-run",
            "use-fake-ui-for-media-stream",
            "use-fake-device-for-media-stream",
            "window-size=1280,900",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{argument}")
        chrome = webdriver.Chrome(options, Service(DRIVER))
        try:
            yield chrome
        finally:
            chrome.quit()


class Page:
    """The demo in a browser."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def shows(self, tab: str, text: str) -> None:
        result = f"#{tab}-result .result"
        WebDriverWait(self.browser, 30, ignored_exceptions=[Exception]).until(
            lambda page: text in page.find_element(By.CSS_SELECTOR, result).text,
            f"the result does not show {text!r}",
        )

    def open(self, tab: str) -> None:
        self.browser.find_element(By.XPATH, f"//button[@role='tab'][contains(., '{tab}')]").click()

    def upload(self, element: str, *paths: Path) -> None:
        WebDriverWait(self.browser, 30).until(
            lambda page: page.find_elements(By.CSS_SELECTOR, f"#{element} input[type=file]")
        )[0].send_keys("\n".join(map(str, paths)))

    def clear(self) -> None:
        remove = "#photo-picture button[aria-label*='emove']"
        self.browser.find_element(By.CSS_SELECTOR, remove).click()
        self.shows("photo", "Upload, paste or take a picture")

    def choose(self, model: str) -> None:
        choice = self.browser.find_elements(By.CSS_SELECTOR, f"#photo-model input[value={model}]")
        if not (choice and choice[0].is_displayed()):
            self.browser.find_element(By.CSS_SELECTOR, "#photo-choices button").click()
        WebDriverWait(self.browser, 10).until(
            lambda page: page.find_element(By.CSS_SELECTOR, f"#photo-model input[value={model}]")
        ).click()

    def is_no_wider_than_the_window(self) -> bool:
        root = self.browser.find_element(By.TAG_NAME, "html")
        return root.get_property("scrollWidth") <= root.get_property("clientWidth")

    def no_errors(self) -> None:
        log = self.browser.get_log("browser")
        assert not [entry for entry in log if entry["level"] == "SEVERE"]


def open_page(browser: webdriver.Chrome, server: Server) -> Page:
    browser.get(server.url)
    page = Page(browser)
    page.shows("photo", "Upload, paste or take a picture")
    return page


@pytest.fixture
def page(server: Server, browser: webdriver.Chrome) -> Page:
    return open_page(browser, server)


@pytest.fixture
def labels_page(labels_server: Server, browser: webdriver.Chrome) -> Page:
    return open_page(browser, labels_server)


@pytest.mark.browser
def test_photos_in_a_browser(
    page: Page, portray: Callable[..., Path], group: Image.Image, tmp_path: Path
) -> None:
    header = page.browser.find_element(By.CSS_SELECTOR, "header").text
    assert "Trained on drawn faces: vgg16" in header
    page.upload("photo-picture", portray("red.png", "red"))
    page.shows("photo", "Perceived as a man")
    page.shows("photo", "resnet50, int8")
    page.choose("vgg16")
    page.shows("photo", "Perceived as a woman")
    assert "resnet50 · gender · 95.0%" in page.browser.find_element(By.ID, "photo-model").text

    page.clear()
    group.save(tmp_path / "group.jpg")
    page.upload("photo-picture", tmp_path / "group.jpg")
    page.shows("photo", "6 faces")
    marked = page.browser.find_element(By.CSS_SELECTOR, "#photo-result img")
    assert marked.get_attribute("alt") == "The picture: 6 faces marked"
    assert int(marked.get_attribute("naturalWidth")) == 900

    page.clear()
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    page.upload("photo-picture", text)
    page.shows("photo", "The picture cannot be used")
    assert str(tmp_path) not in page.browser.page_source
    page.no_errors()


@pytest.mark.browser
def test_an_example_and_the_plot_in_a_browser(page: Page) -> None:
    """What Gradio itself loads, under the content security policy."""
    page.browser.find_element(By.CSS_SELECTOR, ".gallery-item").click()
    page.shows("photo", "5 faces")
    page.open("Compare")
    WebDriverWait(page.browser, 20).until(
        lambda browser: browser.find_elements(By.CSS_SELECTOR, ".plot canvas, .plot svg.marks")
    )
    page.no_errors()


@pytest.mark.browser
def test_a_picture_is_taken_in_a_browser(page: Page) -> None:
    """The browser has a camera that shows a test picture."""

    def press(button: str) -> None:
        WebDriverWait(page.browser, 20).until(
            lambda browser: browser.find_elements(By.XPATH, button)
        )[0].click()

    place = "//*[@id='photo-picture']//button"
    press(f"{place}[contains(@aria-label, 'camera')]")
    press(f"{place}[contains(., 'Access Webcam')]")
    press(f"{place}[@aria-label='capture photo']")
    page.shows("photo", "No face found")
    page.no_errors()


@pytest.mark.browser
def test_the_other_tabs_in_a_browser(
    page: Page, portray: Callable[..., Path], group: Image.Image, tmp_path: Path
) -> None:
    group.save(tmp_path / "group.jpg")
    text = tmp_path / "<b>text.jpg"
    text.write_text("hello")
    page.open("Batch")
    page.upload("batch-files", tmp_path / "group.jpg", portray("red.png", "red"), text)
    WebDriverWait(page.browser, 30).until(
        lambda browser: "text" in browser.find_element(By.ID, "batch-files").text
    )
    page.browser.find_element(By.ID, "batch-start").click()
    page.shows("batch", "7 faces in 3 files")
    page.shows("batch", "not an image")
    link = page.browser.find_element(By.CSS_SELECTOR, "#batch-result a.download")
    content = b64decode(str(link.get_attribute("href")).partition(",")[2]).decode()
    assert content.splitlines()[0] == HEADER
    assert len(content.splitlines()) == 1 + 8

    page.open("Compare")
    page.upload("compare-picture", tmp_path / "group.jpg")
    page.shows("compare", "6 faces")
    page.shows("compare", "vgg16\nint8")
    for tab, words in (("Compare", "93.0% to 97.0%"), ("About", "What it must not be used for")):
        page.open(tab)
        WebDriverWait(page.browser, 10).until(
            lambda browser, words=words: words in browser.find_element(By.TAG_NAME, "body").text
        )
    page.no_errors()


@pytest.mark.browser
def test_many_classes_with_hostile_names_in_a_browser(
    labels_page: Page, portray: Callable[..., Path]
) -> None:
    page, name = labels_page, "<img src=x onerror=alert(1)>"
    page.upload("photo-picture", portray("red.png", "red"))
    page.shows("photo", f"{name}: {name}")
    page.shows("photo", "and 95 others, together")
    bars = page.browser.find_elements(By.CSS_SELECTOR, "#photo-result .bar")
    assert len(bars) == 5
    assert name in bars[0].text and "decided" in str(bars[0].get_attribute("class"))
    assert not page.browser.find_elements(By.CSS_SELECTOR, "#photo-result .bar img")
    assert page.is_no_wider_than_the_window()
    page.no_errors()


@pytest.mark.browser
def test_several_labels_in_a_browser(labels_page: Page, portray: Callable[..., Path]) -> None:
    page = labels_page
    header = page.browser.find_element(By.CSS_SELECTOR, "header").text
    assert "Not offered: race (several), race (origin)" in header
    page.upload("photo-picture", portray("red.png", "red"))
    page.choose("several")
    page.shows("photo", "Eyeglasses")
    page.shows("photo", "hair color")
    rows = page.browser.find_elements(By.CSS_SELECTOR, "#photo-result .row")
    assert len(rows) == 3 and rows[0].text.split()[:2] == ["Smiling", "yes"]
    page.browser.find_element(By.CSS_SELECTOR, "#photo-result summary").click()
    page.shows("photo", "blue")
    assert not page.browser.find_elements(By.CSS_SELECTOR, "#photo-model input[value=origin]")
    page.open("Compare")
    page.upload("compare-picture", portray("red.png", "red"))
    page.shows("compare", "Not compared")
    page.open("About")
    WebDriverWait(page.browser, 10).until(
        lambda browser: "not where a person" in browser.find_element(By.TAG_NAME, "body").text
    )
    page.no_errors()


@pytest.mark.browser
def test_why_in_a_browser(page: Page, portray: Callable[..., Path]) -> None:
    page.upload("photo-picture", portray("red.png", "red"))
    page.shows("photo", "Perceived as a man")
    page.browser.find_element(By.ID, "photo-why").click()
    page.shows("photo-why", "why man?")
    drawn = page.browser.find_element(By.CSS_SELECTOR, "#photo-why-result figure img")
    assert int(drawn.get_attribute("naturalWidth")) == 240
    page.choose("vgg16")  # what was explained was another model's prediction
    WebDriverWait(page.browser, 30).until(
        lambda browser: not browser.find_elements(By.CSS_SELECTOR, "#photo-why-result figure")
    )
    page.no_errors()
