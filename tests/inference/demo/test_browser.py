"""The page in Chromium."""

from base64 import b64decode
from collections.abc import Callable, Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import pytest
from chromium import chromium
from demo_server import Server
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

HEADER = "file,face,left,top,right,bottom,detection_score,p_man,label,error"


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as browser:
        yield browser


_AXE = """
const done = arguments[0];
const still = document.createElement("style");
still.textContent = "* { transition: none !important; animation: none !important }";
document.head.append(still);
axe.run(document, { resultTypes: ["violations"] }).then((found) => done(found.violations.flatMap(
  (one) => one.nodes.map((node) => `${one.id} at ${node.target}: ${node.html.slice(0, 120)}`))));
"""


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
        again, remove = "#photo-again", "#photo-picture button[aria-label*='emove']"
        buttons = self.browser.find_elements(By.CSS_SELECTOR, f"{again}, {remove}")
        next(button for button in buttons if button.is_displayed()).click()
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

    def resize(self, width: int, height: int) -> None:
        """Give the window's content a size, as a phone's if it is narrow."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def has_top(self, selector: str, least: float, most: float) -> None:
        """Wait until the upper edge of an element is between two shares of the window's height."""
        script = (
            "return document.querySelector(arguments[0]).getBoundingClientRect().top / innerHeight"
        )
        WebDriverWait(self.browser, 10).until(
            lambda page: least <= page.execute_script(script, selector) <= most
        )

    def violations(self) -> set[str]:
        """What axe-core finds in the light and in the dark, on a phone and on a desktop."""
        if not self.browser.execute_script("return window.axe !== undefined"):
            self.browser.execute_script((files("axe_core_python") / "axe.min.js").read_text())
        found = set()
        for width, height in ((390, 844), (1440, 900)):
            self.resize(width, height)
            for theme in ("light", "dark"):
                self.browser.execute_script(
                    "document.body.classList.toggle('dark', arguments[0])", theme == "dark"
                )
                found |= {
                    f"{width} {theme}: {one}" for one in self.browser.execute_async_script(_AXE)
                }
        return found

    def no_errors(self) -> None:
        log = self.browser.get_log("browser")
        assert not [entry for entry in log if entry["level"] == "SEVERE"]


def open_page(browser: webdriver.Chrome, server: Server) -> Page:
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
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
    assert content.splitlines()[0] == f"{HEADER},number"
    assert len(content.splitlines()) == 1 + 8

    page.open("Compare")
    page.upload("compare-picture", tmp_path / "group.jpg")
    page.shows("compare", "6 faces")
    page.shows("compare", "vgg16 int8")
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


@pytest.fixture
def crowd(tmp_path: Path, portraits: list[Image.Image]) -> Path:
    picture = Image.new("RGB", (1000, 700), (120, 150, 120))
    for index in range(8):
        portrait = portraits[index % len(portraits)]
        picture.paste(portrait, (30 + index % 4 * 240, 60 + index // 4 * 320))
    picture.save(tmp_path / "crowd.jpg")
    return tmp_path / "crowd.jpg"


@pytest.mark.browser
def test_axe_finds_nothing_on_any_tab_in_any_state(
    page: Page, portray: Callable[..., Path], crowd: Path, tmp_path: Path
) -> None:
    found = {"photo, empty": page.violations()}
    portrait, text = portray("red.png", "red"), tmp_path / "text.jpg"
    text.write_text("hello")

    page.upload("photo-picture", portrait)
    page.shows("photo", "One face")
    found["photo, answered"] = page.violations()
    page.clear()
    page.upload("photo-picture", crowd)
    page.shows("photo", "8 faces")
    page.browser.find_element(By.CSS_SELECTOR, "#photo-result .crowd summary").click()
    page.browser.find_element(By.CSS_SELECTOR, "#photo-choices button").click()
    found["photo, of a crowd"] = page.violations()
    page.clear()
    page.upload("photo-picture", text)
    page.shows("photo", "The picture cannot be used")
    found["photo, failed"] = page.violations()

    page.open("Batch")
    found["batch, empty"] = page.violations()
    page.browser.find_element(By.ID, "batch-start").click()
    page.shows("batch", "No pictures were sent")
    found["batch, failed"] = page.violations()
    page.upload("batch-files", portrait, text)
    WebDriverWait(page.browser, 30).until(
        lambda browser: "text" in browser.find_element(By.ID, "batch-files").text
    )
    page.browser.find_element(By.ID, "batch-start").click()
    page.shows("batch", "1 face in 2 files")
    found["batch, answered"] = page.violations()

    page.open("Compare")
    found["compare, empty"] = page.violations()
    page.upload("compare-picture", crowd)
    page.shows("compare", "8 faces")
    found["compare, answered"] = page.violations()
    page.open("Live")
    found["live, empty"] = page.violations()
    page.open("About")
    found["about"] = page.violations()
    assert not {state: sorted(some) for state, some in found.items() if some}


@pytest.mark.browser
def test_on_a_phone_the_answer_is_in_sight_and_nothing_is_clipped(page: Page, crowd: Path) -> None:
    page.resize(390, 844)
    page.browser.execute_script("scrollTo(0, 400)")
    page.upload("photo-picture", crowd)
    page.shows("photo", "8 faces")
    page.has_top("#photo-result h2", 0, 0.6)
    assert not page.browser.find_element(By.ID, "photo-picture").is_displayed(), "twice the same"
    [*_, last] = page.browser.find_elements(By.CSS_SELECTOR, "#photo-result .crowd .badge")
    assert last.text == "8"
    assert page.is_no_wider_than_the_window()
    page.browser.find_element(By.ID, "photo-again").click()
    WebDriverWait(page.browser, 20).until(
        lambda browser: browser.find_element(By.ID, "photo-picture").is_displayed()
    )

    tabs = page.browser.find_elements(By.CSS_SELECTOR, "button[role=tab]")
    assert all(tab.is_displayed() for tab in tabs if tab.text), "none behind a menu"
    page.open("Compare")
    page.upload("compare-picture", crowd)
    page.shows("compare", "8 faces")
    page.has_top("#compare-result h2", 0, 0.6)
    assert page.is_no_wider_than_the_window()
    for box in page.browser.find_elements(By.CSS_SELECTOR, ".scroll"):
        hint = box.find_elements(By.XPATH, "preceding-sibling::*[contains(@class, 'hint')]")
        wide = int(box.get_property("scrollWidth")) > int(box.get_property("clientWidth"))
        assert not wide or hint[0].is_displayed()


@pytest.mark.browser
def test_icons_are_named_and_large_enough_for_a_finger(page: Page) -> None:
    buttons = page.browser.find_elements(By.CSS_SELECTOR, "#photo-picture .source-selection button")
    assert len(buttons) == 3
    for button in buttons:
        assert button.get_attribute("title") == button.get_attribute("aria-label")
        assert min(button.size.values()) >= 44


@pytest.mark.browser
def test_marked_copies_are_downloaded(page: Page, server: Server, crowd: Path) -> None:
    page.resize(390, 844)
    page.open("Batch")
    page.upload("batch-files", crowd)
    WebDriverWait(page.browser, 30).until(
        lambda browser: "crowd" in browser.find_element(By.ID, "batch-files").text
    )
    page.browser.find_element(By.ID, "batch-start").click()
    page.shows("batch", "8 faces in 1 file")
    page.shows("batch", "Model: resnet50, int8")
    page.has_top("#batch-result .result", -0.1, 0.6)
    link = page.browser.find_element(By.CSS_SELECTOR, "#batch-result a[download='marked.zip']")
    path = str(link.get_attribute("href")).removeprefix(server.url)
    with urlopen(f"{server.url}{path}") as response, ZipFile(BytesIO(response.read())) as archive:
        assert archive.namelist() == ["crowd.jpg", "faces.csv"]
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
