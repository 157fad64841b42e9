import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tiny_bundles import add_models

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen
    url: str
    temp: Path


def start(models: Path, temp: Path, port: int) -> subprocess.Popen:
    settings = {"PORT": str(port), "MODELS": str(models), "TMPDIR": str(temp)}
    return subprocess.Popen(
        [sys.executable, "-m", "inference", "demo"],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


def wait_until_up(server: Server) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            return urlopen(server.url, timeout=5).close()
        except URLError:
            time.sleep(0.2)
    pytest.fail("the demo did not start")


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


def test_the_api_classifies(client: Client, draw: Callable[..., Path]) -> None:
    red = handle_file(draw("red.png", "red"))
    answer = client.predict(red, "resnet50", api_name="/classify")
    assert (answer["backbone"], answer["precision"]) == ("resnet50", "int8")
    assert answer["decode_ms"] > 0
    assert answer["model_ms"] > 0
    [face] = answer["faces"]
    assert (face["label"], face["right"], face["bottom"]) == ("man", 30, 40)
    other = client.predict(red, "vgg16", api_name="/classify")
    assert other["faces"][0]["label"] == "woman"


def test_the_api_lists_the_models_champion_first(client: Client) -> None:
    first, second = client.predict(api_name="/models")
    assert (first["model"], first["test_accuracy"]) == ("resnet50", 0.95)
    assert (second["model"], second["synthetic"]) == ("vgg16", True)


def test_the_api_shows_only_what_is_documented(client: Client) -> None:
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/classify", "/models"}


def test_a_bad_picture_is_told_without_paths(client: Client, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    with pytest.raises(AppError, match=r"cannot be used: .*image") as told:
        client.predict(handle_file(text), "resnet50", api_name="/classify")
    assert "/" not in str(told.value)


@pytest.mark.parametrize("backbone", ["vgg17", "../resnet50"])
def test_an_unknown_model_is_refused(
    client: Client, draw: Callable[..., Path], backbone: str
) -> None:
    with pytest.raises(AppError):
        client.predict(handle_file(draw("red.png", "red")), backbone, api_name="/classify")


def test_files_of_the_server_cannot_be_classified(
    server: Server, draw: Callable[..., Path]
) -> None:
    """Asked by hand: the client would upload the file first."""
    call = f"{server.url}/gradio_api/call/classify"
    picture = {"path": str(draw("secret.png", "red")), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [picture, "resnet50"]}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(call, body, headers), timeout=10) as response:
        event = json.load(response)["event_id"]
    with urlopen(f"{call}/{event}", timeout=10) as response:
        answer = response.read().decode()
    assert "event: error" in answer
    assert "faces" not in answer


def test_a_port_in_use_is_one_line(server: Server, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    process = start(add_models(tmp_path), tmp_path, port)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert str(port) in output
    assert "Traceback" not in output


def test_without_models_it_says_what_to_run(tmp_path: Path) -> None:
    process = start(tmp_path / "nowhere", tmp_path, free_port())
    output, _ = process.communicate(timeout=60)
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
            "window-size=1280,900",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{argument}")
        chrome = webdriver.Chrome(options, Service(DRIVER))
        try:
            yield chrome
        finally:
            chrome.quit()


@pytest.mark.browser
def test_the_page_in_a_browser(
    server: Server, browser: webdriver.Chrome, draw: Callable[..., Path], tmp_path: Path
) -> None:
    def shows(text: str) -> None:
        WebDriverWait(browser, 30, ignored_exceptions=[Exception]).until(
            lambda page: text in page.find_element(By.CSS_SELECTOR, "#answer .answer").text,
            f"the answer does not show {text!r}",
        )

    def upload(path: Path) -> None:
        WebDriverWait(browser, 30).until(
            lambda page: page.find_elements(By.CSS_SELECTOR, "#picture input[type=file]")
        )[0].send_keys(str(path))

    def clear() -> None:
        browser.find_element(By.CSS_SELECTOR, "#picture button[aria-label*='emove']").click()
        shows("Upload, paste or take a picture")

    def choose(model: str) -> None:
        browser.find_element(By.CSS_SELECTOR, f"#model input[value={model}]").click()

    browser.get(server.url)
    shows("Upload, paste or take a picture")
    assert "Trained on drawn faces: vgg16" in browser.find_element(By.CSS_SELECTOR, "header").text
    assert "resnet50 · 95.0%" in browser.find_element(By.ID, "model").text

    upload(draw("red.png", "red"))
    shows("Perceived as a man")
    shows("resnet50, int8")
    choose("vgg16")
    shows("Perceived as a woman")
    shows("vgg16, int8")

    clear()
    upload(draw("grey.png", "grey"))
    shows("Uncertain")
    clear()
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    upload(text)
    shows("The picture cannot be used")
    assert str(tmp_path) not in browser.page_source

    for tab, text in (("Models", "93.0% to 97.0%"), ("About", "What it must not be used for")):
        browser.find_element(By.XPATH, f"//button[@role='tab'][contains(., '{tab}')]").click()
        WebDriverWait(browser, 10).until(
            lambda page, text=text: text in page.find_element(By.TAG_NAME, "body").text
        )
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors
