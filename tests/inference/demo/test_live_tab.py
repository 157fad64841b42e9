"""The tab for the camera: over HTTP as an attacker, and in Chromium with a drawn camera."""

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from chromium import chromium
from demo_server import Server, Visitor
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def function(visitor: Visitor) -> dict[str, Any]:
    [live] = [one for one in visitor.config()["dependencies"] if one["connection"] == "stream"]
    return live


def data_url(picture: Image.Image) -> dict[str, str]:
    content = io.BytesIO()
    picture.save(content, "JPEG")
    return {"url": f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"}


def stream(visitor: Visitor, frames: list[Any], session: str) -> str:
    """Send frames as the page does, close, and return all that was answered."""
    number = function(visitor)["id"]
    content = {"fn_index": number, "session_hash": session}
    tail = ["resnet50", "int8", None]
    status, text = visitor.post("/gradio_api/queue/join", content | {"data": [frames[0], *tail]})
    assert status == 200, text
    event = json.loads(text)["event_id"]
    for frame in frames[1:]:
        time.sleep(0.7)
        visitor.post(f"/gradio_api/stream/{event}", content | {"data": [frame, *tail]})
    time.sleep(0.7)
    visitor.post(f"/gradio_api/stream/{event}/close", {})  # one that failed is closed already
    return visitor.get(f"/gradio_api/queue/data?session_hash={session}")[1]


def test_frames_come_back_marked_and_leave_no_file(
    visitor: Visitor, server: Server, group: Image.Image
) -> None:
    before = {path for path in server.temp.rglob("*") if path.is_file()}
    said = stream(visitor, [data_url(group)] * 2, f"live{time.monotonic_ns()}")
    assert said.count("data:image/jpeg;base64,") >= 1
    assert "1: " in said and "6: " in said and "frames a second" in said
    assert {path for path in server.temp.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "sent",
    [
        {"path": "/etc/passwd"},
        {"url": "http://127.0.0.1:9/a.jpg"},
        {"url": "data:image/jpeg;base64,/9j/"},
        {"url": "data:image/svg+xml;base64,PHN2Zz4="},
        "frame",
    ],
)
def test_what_is_no_frame_gets_a_sentence(visitor: Visitor, sent: Any) -> None:
    said = stream(visitor, [sent], f"live{time.monotonic_ns()}")
    assert "data:image/jpeg;base64," not in said
    assert "no frame of a camera" in said or "The picture cannot be used" in said


def test_what_is_kept_for_a_visitor_cannot_be_sent(visitor: Visitor, group: Image.Image) -> None:
    number = function(visitor)["id"]
    session = f"live{time.monotonic_ns()}"
    data = [data_url(group), "resnet50", "int8", {"labels": "mine", "stream": "mine"}]
    body = {"fn_index": number, "session_hash": session, "data": data}
    event = json.loads(visitor.post("/gradio_api/queue/join", body)[1])["event_id"]
    time.sleep(0.7)
    visitor.post(f"/gradio_api/stream/{event}/close", {})
    said = visitor.get(f"/gradio_api/queue/data?session_hash={session}")[1]
    assert "frames a second" in said and "mine" not in said


def test_one_client_has_two_cameras(visitor: Visitor, group: Image.Image) -> None:
    number = function(visitor)["id"]
    data = [data_url(group), "resnet50", "int8", None]
    events = []
    for camera in range(3):
        session = f"live{time.monotonic_ns()}"
        body = {"fn_index": number, "session_hash": session, "data": data}
        status, text = visitor.post("/gradio_api/queue/join", body)
        assert (status == 200) == (camera < 2), text
        if status == 200:
            events.append((json.loads(text)["event_id"], session))
    assert "Your cameras are running already" in text
    for event, session in events:
        visitor.post(f"/gradio_api/stream/{event}/close", {})
        visitor.get(f"/gradio_api/queue/data?session_hash={session}")


def test_other_names_of_streams_are_not_served(visitor: Visitor) -> None:
    for path in ("x", "../queue/join", "0" * 31, "0" * 32 + "/open"):
        assert visitor.post(f"/gradio_api/stream/{path}", {"data": []})[0] == 404


@pytest.fixture(scope="module")
def drawn_camera(portraits: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that sees a portrait which moves to and fro, for Chromium."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F20:1 Ip C420jpeg\n")
        for number in range(24):
            picture = Image.new("RGB", (640, 480), (120, 150, 120))
            picture.paste(portraits[0].resize((267, 327)), (60 + 10 * abs(12 - number), 80))
            file.write(b"FRAME\n")
            for plane in av.VideoFrame.from_image(picture).reformat(format="yuv420p").planes:
                file.write(bytes(plane))
    return path


@pytest.fixture
def camera_browser(drawn_camera: Path) -> Iterator[webdriver.Chrome]:
    with chromium(f"use-file-for-fake-video-capture={drawn_camera}") as browser:
        yield browser


@pytest.mark.browser
def test_a_camera_in_a_browser(camera_browser: webdriver.Chrome, server: Server) -> None:
    page = camera_browser
    page.get(server.url)
    wait = WebDriverWait(page, 40, ignored_exceptions=[Exception])

    def press(what: str) -> None:
        button = f"//*[@id='live-camera']//button[contains(., '{what}')]"
        wait.until(lambda page: page.find_element(By.XPATH, button).click() or True)

    tab = "//button[@role='tab'][contains(., 'Live')]"
    wait.until(lambda page: page.find_element(By.XPATH, tab).click() or True)
    press("Access Webcam")
    press("Record")
    said = (By.CSS_SELECTOR, "#live-result .live")
    wait.until(lambda page: "1: " in page.find_element(*said).text)
    marked = (By.CSS_SELECTOR, "#live-marked img")
    first = wait.until(lambda page: page.find_element(*marked).get_attribute("src"))
    assert first.startswith("data:image/jpeg;base64,")
    wait.until(lambda page: page.find_element(*marked).get_attribute("src") != first)
    wait.until(lambda page: page.find_element(*said).text.startswith("1: "))
    press("Stop")
    assert not [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
