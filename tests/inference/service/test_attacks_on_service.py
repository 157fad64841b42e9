"""The service, as somebody with bad intentions sees it."""

import base64
import io
import json
import socket
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from service_client import Served, check_against_document, form, in_json, running, service_of
from starlette.testclient import TestClient

from inference.service import sent_pictures
from inference.service.sent_pictures import MAX_BODY

FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def part(head: str, content: bytes = b"hello") -> bytes:
    return f"--x\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def files(count: int, name: str = "images") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="a.jpg"'
    return part(head) * count + b"--x--\r\n"


def refused(client: TestClient, status: int, kind: str, **request: Any) -> str:
    response = client.post("/v1/faces", **request)
    assert (response.status_code, response.json()["error"]["kind"]) == (status, kind), response.text
    check_against_document(client, response)
    message = response.json()["error"]["message"]
    assert "\n" not in message and "/site-packages" not in message
    return message


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that would be `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "image/jpeg"}, b"hello"),
        ({"Content-Type": "text/plain"}, b"{}"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"images=hello"),
        ({}, b"hello"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"hello"),
    ],
)
def test_other_types_are_refused(service: TestClient, headers: dict[str, str], body: bytes) -> None:
    refused(service, 415, "unsupported_type", headers=headers, content=body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"--x\r\n",
        b"--x--\r\n",
        files(17),
        files(3000),
        files(1, "other"),
        files(1, "../images"),
        part('Content-Disposition: form-data; name="images"') + b"--x--\r\n",
        part('Content-Disposition: form-data; filename="a.jpg"') + b"--x--\r\n",
        part("X-Long: " + "y" * 100_000) + b"--x--\r\n",
        part('Content-Disposition: form-data; name="images"; filename="a\x00b"\r\nBad') + b"--x--",
    ],
)
def test_forms_that_are_none_are_refused(service: TestClient, body: bytes) -> None:
    refused(service, 422, "bad_request", headers=FORM, content=body)


def test_a_form_needs_a_boundary(service: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    refused(service, 422, "bad_request", headers=headers, content=files(1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"images": []}',
        b'{"images": "a"}',
        b'{"images": [{}]}',
        b'{"images": [{"data": 1}]}',
        b'{"images": [{"data": "\\ud800"}]}',
        b'{"images": [{"data": "", "path": "/etc/passwd"}]}',
        b'{"images": [{"data": "", "name": "' + b"x" * 300 + b'"}]}',
        b'{"images": [' + b'{"data": ""},' * 16 + b'{"data": ""}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_json_of_another_form_is_refused(service: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    refused(service, 422, "bad_request", headers=headers, content=body)


@pytest.mark.parametrize("data", ["====", "data:image/png;base64,AAAA", "\u2028", "a" * 5, "%00"])
def test_garbage_in_base64_is_the_pictures_own_error(
    service: TestClient, red: bytes, data: str
) -> None:
    body = {"images": [{"data": data}, {"data": base64.b64encode(red).decode()}]}
    response = service.post("/v1/faces", json=body)
    check_against_document(service, response)
    bad, good = response.json()["images"]
    assert bad["error"]["kind"] == "unreadable_picture" and not good["error"]


def test_a_bomb_of_pixels_is_refused_before_it_is_decoded(service: TestClient) -> None:
    start = time.perf_counter()
    response = service.post("/v1/faces", files=form(*[("b.png", bomb(60_000))] * 16))
    assert response.status_code == 422
    messages = {one["error"]["message"] for one in response.json()["images"]}
    assert len(messages) == 1 and "pixels" in messages.pop()
    assert time.perf_counter() - start < 20


def test_a_picture_and_a_body_have_limits_in_bytes(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_pictures, "MAX_PICTURE", 1000)
    response = service.post("/v1/faces", files=form(("a", b"x" * 1001), ("b", b"x")))
    assert "too large" in response.json()["images"][0]["error"]["message"]
    length = {"Content-Length": str(MAX_BODY + 1)} | FORM
    refused(service, 413, "too_large", headers=length, content=b"")
    for wrong in ("-1", "a", "1" * 5000):
        refused(service, 413, "too_large", headers=FORM | {"Content-Length": wrong}, content=b"")


def test_all_bodies_together_have_a_limit(
    service: TestClient, red: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_pictures, "_MAX_HELD", 100)
    refused(service, 503, "overloaded", json=in_json(red))
    monkeypatch.undo()
    assert service.post("/v1/faces", json=in_json(red)).is_success, "nothing is held any more"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "C:\\x",
        "/dev/zero",
        "a\r\nSet-Cookie: b=c",
        "<script>",
        "\u202e",
        "x" * 999,
    ],
)
def test_a_name_is_repeated_and_never_used(service: TestClient, red: bytes, name: str) -> None:
    body = in_json(red)
    body["images"][0]["name"] = name[:255]
    response = service.post("/v1/faces", json=body)
    assert response.json()["images"][0]["name"] == name[:255]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in response.headers
    by_form = service.post("/v1/faces", files=form((name, red)))
    assert len(by_form.json()["images"][0]["name"]) <= 255


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "a@b", ""])
def test_other_names_of_the_server_are_refused(service: TestClient, host: str) -> None:
    for path in ("/v1/models", "/readyz", "/metrics", "/docs"):
        response = service.get(path, headers={"Host": host})
        assert (response.status_code, response.json()["error"]["kind"]) == (403, "forbidden")


def test_pages_of_others_cannot_use_it(service: TestClient, red: bytes) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ):
        refused(service, 403, "forbidden", headers=headers, files=form(("a", red)))
    assert service.get("/v1/models", headers={"Origin": "http://localhost:8000"}).is_success


@pytest.mark.parametrize(
    "path",
    ["/v1/../metrics", "/docs/../../etc/passwd", "/docs/redoc.standalone.js", "/v1/faces/", "/x"],
)
def test_other_paths_are_not_there_and_are_counted_together(service: TestClient, path: str) -> None:
    assert service.get(path).status_code in (404, 405, 307, 200)
    text = service.get("/metrics").text
    assert "passwd" not in text and "redoc" not in text


def test_what_clients_send_is_in_no_label_of_the_metrics(service: TestClient) -> None:
    before = service.get("/metrics").text.count("\n")
    for index in range(50):
        service.get(f"/v1/{index}", headers={"User-Agent": f"a{index}", "X": '"} 1\nfake 1'})
        service.post("/v1/faces", params={"model": f"m{index}\n{{}}"}, files=form(("a", b"x")))
        service.request(f"METHOD{index}", "/v1/faces")
    text = service.get("/metrics").text
    assert text.count("\n") <= before + 12, "a line for each status, not for each name"
    assert "fake" not in text and "m1" not in text and "METHOD" not in text


@pytest.fixture(scope="module")
def hurried(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    hurry = (
        "import inference.service.app as app, inference.served.guards.connections as connections; "
        "app._SECONDS_TO_SEND = 1; app._SECONDS_FOR_BODY = 3; connections.SECONDS_FOR_HEAD = 1"
    )
    folder = tmp_path_factory.mktemp("hurried")
    with running(exported, folder, "--no-page", hurry=hurry) as served:
        yield served


def raw(served: Served, *parts: bytes, pause: float = 0.0) -> bytes:
    """What a server answers to bytes that come in parts."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        try:
            for one in parts:
                connection.sendall(one)
                time.sleep(pause)
        except OSError:
            pass
        answer = b""
        while received := connection.recv(65536):
            answer += received
        return answer


HEAD = b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_slow_heads_and_bodies_are_ended(hurried: Served) -> None:
    start = time.monotonic()
    assert b" 408 " in raw(hurried, b"POST /v1/faces HTTP/1.1\r\nHost: l")
    silent = raw(hurried, HEAD + b"Content-Length: 100\r\nConnection: close\r\n\r\n{")
    assert b" 422 " in silent and b"too slow" in silent
    drip = [HEAD + b"Content-Length: 100\r\nConnection: close\r\n\r\n", *[b"x"] * 12]
    assert b"too slow" in raw(hurried, *drip, pause=0.5)
    assert time.monotonic() - start < 60


def test_a_body_without_end_is_ended(hurried: Served) -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    head = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = raw(hurried, head, *[chunk] * 80)
    assert answer == b"" or b" 422 " in answer
    with hurried.client() as client:
        assert client.get("/healthz").is_success


def test_headers_cannot_be_smuggled(hurried: Served) -> None:
    for attack in (
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX\r\nA: b\r\n\r\n",
        b"GET http://a.example/healthz HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    ):
        assert raw(hurried, attack).split(b" ")[1] in (b"400", b"403"), attack


def test_the_queue_and_each_client_have_limits(exported: Path, crowd: bytes) -> None:
    with service_of(exported, queue=16, of_one_client=16) as client:
        sixteen = form(*[("a", crowd)] * 16)
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(client.post("/v1/faces", files=sixteen)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200, 429, 429]
        for answer in answers:
            check_against_document(client, answer)
            assert answer.is_success or answer.headers["retry-after"] == "1"
        assert client.post("/v1/faces", files=form(("a", crowd))).is_success


def test_a_full_queue_and_a_late_answer_are_said(exported: Path, crowd: bytes) -> None:
    with service_of(exported, queue=2, of_one_client=99) as client:
        assert "queue is full" in refused(
            client, 503, "overloaded", files=form(*[("a", crowd)] * 3)
        )
    with service_of(exported, seconds=0.01) as client:
        assert "0.01 seconds" in refused(client, 504, "timeout", files=form(("a", crowd)))
        metrics = client.get("/metrics").text
        assert 'errors_total{kind="timeout"} 1.0' in metrics
        assert "face_classifier_queue_pictures 0.0" in metrics


def test_random_bytes_never_fail_the_server(service: TestClient) -> None:
    stream = io.BytesIO(zlib.compress(json.dumps(list(range(4000))).encode()))
    while chunk := stream.read(100):
        for kind in ("application/json", FORM["Content-Type"]):
            response = service.post("/v1/faces", headers={"Content-Type": kind}, content=chunk)
            assert response.status_code == 422
    assert 'errors_total{kind="internal"} 0.0' in service.get("/metrics").text
