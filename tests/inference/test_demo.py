import json
import shutil
import signal
import socket
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from demo_server import Server, free_port, start, wait_until_up
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tiny_bundles import add_models

from inference import Classifier
from inference.demo.answers import RefusedError, classify_batch
from inference.predict.outputs import HEADER

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    temp = folder / "temp"
    temp.mkdir()
    process = start(add_models(folder), temp, port)
    running = Server(process, f"http://127.0.0.1:{port}", temp)
    try:
        wait_until_up(running)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
    left = [path for path in temp.rglob("*") if path.is_file()]
    assert not left, "uploads, or the session file of onnxruntime's telemetry"


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


def test_the_api_classifies(client: Client, portray: Callable[..., Path]) -> None:
    red = handle_file(portray("red.png", "red"))
    answer = client.predict(red, api_name="/classify")
    assert (answer["backbone"], answer["precision"]) == ("resnet50", "int8")
    assert set(answer["milliseconds"]) == {"decode", "detect", "align", "classify"}
    assert all(took > 0 for took in answer["milliseconds"].values())
    [face] = answer["faces"]
    assert face["label"] == "man"
    assert 111 < face["left"] < face["right"] < 111 + 178
    other = client.predict(red, "vgg16", "fp32", api_name="/classify")
    assert (other["faces"][0]["label"], other["precision"]) == ("woman", "fp32")


def test_the_api_finds_all_faces_or_none(
    client: Client, group: Image.Image, draw: Callable[..., Path], tmp_path: Path
) -> None:
    group.save(tmp_path / "group.jpg")
    answer = client.predict(handle_file(tmp_path / "group.jpg"), api_name="/classify")
    assert [face["face"] for face in answer["faces"]] == list(range(6))
    empty = client.predict(handle_file(draw("empty.png", "red")), api_name="/classify")
    assert empty["faces"] == []


def test_the_api_classifies_many_files(
    client: Client, portray: Callable[..., Path], draw: Callable[..., Path], tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    files = [portray("red.png", "red"), draw("empty.png", "blue"), text, portray("b.png", "blue")]
    rows = client.predict([handle_file(file) for file in files], api_name="/classify_batch")
    assert [row["file"] for row in rows] == ["red.png", "empty.png", "text.jpg", "b.png"]
    assert [row["label"] for row in rows] == ["man", None, None, "woman"]
    assert rows[1]["error"] == "no face found"
    assert "not an image" in rows[2]["error"]


def test_no_files_are_refused(client: Client) -> None:
    with pytest.raises(AppError, match="No pictures were sent"):
        client.predict([], api_name="/classify_batch")


def test_too_many_files_are_refused(models: Path, draw: Callable[..., Path]) -> None:
    one = ("one.png", draw("one.png", "red"))
    with pytest.raises(RefusedError, match="201 files are too many: 200 at a time"):
        classify_batch([one] * 201, Classifier.load(models))


def test_a_batch_stops_in_time(
    models: Path, portray: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.demo.answers.SECONDS", 0)
    [row] = classify_batch([("one.png", portray("one.png", "red"))], Classifier.load(models))
    assert (row["file"], row["error"]) == ("one.png", "left out: it took too long")


def test_the_api_compares_all_models(client: Client, portray: Callable[..., Path]) -> None:
    answers = client.predict(handle_file(portray("red.png", "red")), api_name="/compare")
    labels = {answer["backbone"]: answer["faces"][0]["label"] for answer in answers}
    assert labels == {"resnet50": "man", "vgg16": "woman"}


def test_the_api_lists_the_models_champion_first(client: Client) -> None:
    first, second = client.predict(api_name="/models")
    assert (first["model"], first["test_accuracy"]) == ("resnet50", 0.95)
    assert (second["model"], second["synthetic"]) == ("vgg16", True)


def test_the_api_shows_only_what_is_documented(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/classify", "/classify_batch", "/compare", "/models"}
    assert all(endpoint["description"] for endpoint in endpoints.values())


def test_a_bad_picture_is_told_without_paths(client: Client, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    with pytest.raises(AppError, match=r"cannot be used: .*image") as told:
        client.predict(handle_file(text), "resnet50", api_name="/classify")
    assert "/" not in str(told.value)


@pytest.mark.parametrize("choice", [("resnet50", "fp16"), ("resnet50", ""), ("resnet50", None)])
def test_an_unknown_precision_is_refused(
    client: Client, draw: Callable[..., Path], choice: tuple[str, str]
) -> None:
    with pytest.raises(AppError):
        client.predict(handle_file(draw("red.png", "red")), *choice, api_name="/classify")


@pytest.mark.parametrize("backbone", ["vgg17", "../resnet50"])
def test_an_unknown_model_is_refused(
    client: Client, draw: Callable[..., Path], backbone: str
) -> None:
    with pytest.raises(AppError, match="There is no such model; there are: resnet50, vgg16"):
        client.predict(handle_file(draw("red.png", "red")), backbone, api_name="/classify")


def test_files_of_the_server_cannot_be_classified(
    server: Server, draw: Callable[..., Path]
) -> None:
    """Asked by hand: the client would upload the file first."""
    call = f"{server.url}/gradio_api/call/classify"
    picture = {"path": str(draw("secret.png", "red")), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [picture, "resnet50", "int8"]}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(call, body, headers), timeout=10) as response:
        event = json.load(response)["event_id"]
    with urlopen(f"{call}/{event}", timeout=10) as response:
        answer = response.read().decode()
    assert "event: error" in answer
    assert "faces" not in answer


def test_answers_have_safe_headers(server: Server) -> None:
    with urlopen(server.url, timeout=10) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "{models}/index.json"])
def test_files_of_the_server_cannot_be_fetched(server: Server, path: str) -> None:
    place = quote(path.format(models=server.temp.parent / "models"))
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{server.url}/gradio_api/file={place}", timeout=10)
    assert refused.value.code in (403, 404)


def test_a_request_that_is_too_large_is_refused_unread(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(100)


def test_an_upload_above_the_limit_is_refused(client: Client, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(b"x" * 20_100_000)
    with pytest.raises(Exception, match=r"(?i)size|413|large"):
        client.predict(handle_file(large), api_name="/classify")


def test_visitors_are_asked_for_the_login(tmp_path: Path, draw: Callable[..., Path]) -> None:
    port, temp = free_port(), tmp_path / "temp"
    temp.mkdir()
    login = {"DEMO_USER": "me", "DEMO_PASSWORD": "secret"}
    process = start(add_models(tmp_path), temp, port, **login)
    running = Server(process, f"http://127.0.0.1:{port}", temp)
    try:
        wait_until_up(running)
        with pytest.raises(Exception, match=r"(?i)auth|401|credential"):
            Client(running.url, verbose=False)
        known = Client(running.url, auth=("me", "secret"), verbose=False)
        assert known.predict(handle_file(draw("a.png", "red")), api_name="/classify")["faces"] == []
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_a_user_without_a_password_is_wrong_usage(tmp_path: Path) -> None:
    process = start(tmp_path, tmp_path, free_port(), DEMO_USER="me")
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 2
    assert "give both or neither" in output


def test_eight_clients_at_once(server: Server, portray: Callable[..., Path]) -> None:
    red = portray("red.png", "red")

    def ask(_: int) -> list[str]:
        own = Client(server.url, verbose=False)
        answers = [own.predict(handle_file(red), api_name="/classify") for _ in range(3)]
        return [answer["faces"][0]["label"] for answer in answers]

    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(ask, range(8))) == [["man"] * 3] * 8


def test_a_port_in_use_is_one_line(server: Server, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    process = start(add_models(tmp_path), tmp_path, port)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 2
    assert str(port) in output
    assert "Traceback" not in output


def test_without_models_it_says_what_to_run(tmp_path: Path) -> None:
    process = start(tmp_path / "nowhere", tmp_path, free_port())
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 2
    assert "run `make export` first" in output


@pytest.fixture
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
        answer = f"#{tab}-answer .answer"
        WebDriverWait(self.browser, 30, ignored_exceptions=[Exception]).until(
            lambda page: text in page.find_element(By.CSS_SELECTOR, answer).text,
            f"the answer does not show {text!r}",
        )

    def open(self, tab: str) -> None:
        self.browser.find_element(By.XPATH, f"//button[@role='tab'][contains(., '{tab}')]").click()

    def upload(self, place: str, *paths: Path) -> None:
        WebDriverWait(self.browser, 30).until(
            lambda page: page.find_elements(By.CSS_SELECTOR, f"#{place} input[type=file]")
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

    def no_errors(self) -> None:
        log = self.browser.get_log("browser")
        assert not [entry for entry in log if entry["level"] == "SEVERE"]


@pytest.fixture
def page(server: Server, browser: webdriver.Chrome) -> Page:
    browser.get(server.url)
    page = Page(browser)
    page.shows("photo", "Upload, paste or take a picture")
    return page


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
    assert "resnet50 · 95.0%" in page.browser.find_element(By.ID, "photo-model").text

    page.clear()
    group.save(tmp_path / "group.jpg")
    page.upload("photo-picture", tmp_path / "group.jpg")
    page.shows("photo", "6 faces")
    marked = page.browser.find_element(By.CSS_SELECTOR, "#photo-answer img")
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
        lambda browser: browser.find_elements(By.CSS_SELECTOR, "#plot canvas, #plot svg.marks")
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
    link = page.browser.find_element(By.CSS_SELECTOR, "#batch-answer a.download")
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
