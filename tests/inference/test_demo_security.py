"""The demo from the side of visitors with bad intentions: what they ask, what they learn of it."""

import http.client
import json
import os
import signal
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from demo_server import Server, free_port, running, start, wait_until_up
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_bundles import add_models

from inference import bundle
from inference.demo import markup, temporary
from inference.demo.answers import Models, RefusedError, compare
from inference.demo.guards.hosts import Hosts
from inference.demo.guards.uploads import SECONDS_KEPT, Uploads

REFUSAL = "no picture that was uploaded here"
ENVIRONMENT = {  # what other programs set: conda the first, administrators the others
    "HOST": "x86_64-conda-linux-gnu",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "all_proxy": "http://127.0.0.1:9",
}
HURRY = (
    "import inference.demo.server as s, inference.demo.guards.uploads as u; "
    "import inference.demo.guards.logins as l, "
    "inference.demo.guards.connections as c; s.SECONDS_BETWEEN_SWEEPS = 0.2; u._SLACK = 0.1; "
    "l.SECONDS_OF_DELAY = (0.3, 1.0); c.SECONDS_FOR_HEAD = 1"
)


class Visitor:
    """Speaks HTTP by hand; a client library would check and upload first."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, str]:
        """Return status and text; of a stream what came before its end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self.ask("GET", path, **headers)

    def post(self, path: str, content: Any, **headers: str) -> tuple[int, str]:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", path, body, **{"Content_Type": "application/json"} | headers)

    def config(self) -> dict[str, Any]:
        return json.loads(self.get("/config")[1])

    def upload(self, picture: Path) -> str:
        """Return the path at which the server has it."""
        part = f'Content-Disposition: form-data; name="files"; filename="{picture.name}"'
        body = f"--x\r\n{part}\r\n\r\n".encode() + picture.read_bytes() + b"\r\n--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        return json.loads(self.ask("POST", "/gradio_api/upload", body, Content_Type=kind)[1])[0]

    def call(self, route: str, function: dict[str, Any], data: list[Any]) -> str:
        """Call a function by one of the three routes and return all that was answered."""
        name, number = function["api_name"], function["id"]
        if route == "run":
            return self.post(f"/gradio_api/run/{name}", {"data": data, "fn_index": number})[1]
        if route == "call":
            status, text = self.post(f"/gradio_api/call/{name}", {"data": data})
            if status != 200:
                return text
            return self.get(f"/gradio_api/call/{name}/{json.loads(text)['event_id']}")[1]
        session = f"session{time.monotonic_ns()}"
        content = {"data": data, "fn_index": number, "session_hash": session}
        status, text = self.post("/gradio_api/queue/join", content)
        if status != 200:
            return text
        return self.get(f"/gradio_api/queue/data?session_hash={session}")[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("demo")
    with running(add_models(folder), folder / "temp", **ENVIRONMENT) as server:
        yield server
    log = server.log.read_text() if server.log else ""
    assert "Traceback" not in log and "site-packages" not in log, log
    assert str(folder) not in log


@pytest.fixture(scope="module")
def visitor(server: Server) -> Visitor:
    return Visitor(server)


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a login, for which seconds are short."""
    folder = tmp_path_factory.mktemp("hasty")
    login = {"DEMO_USER": "me", "DEMO_PASSWORD": "secret", "ALLOWED_HOSTS": "faces.example.org"}
    with running(add_models(folder), folder / "temp", HURRY, DEMO_HOST="0.0.0.0", **login) as one:
        yield one
    assert one.log and "Traceback" not in one.log.read_text()


WITH_META = ("a picture", "a link", "dots", "a URL")


def hostile_pictures(folder: Path, uploads: Path) -> dict[str, Any]:
    """Payloads that name something else than an upload, by what is tried."""
    photo, text = folder / "photo.jpg", folder / "text.txt"
    Image.new("RGB", (60, 60), "red").save(photo)
    text.write_text("hello")
    for name, target in {"link.jpg": photo, "folder": folder, "loop": uploads / "loop"}.items():
        (uploads / name).unlink(missing_ok=True)
        (uploads / name).symlink_to(target)
    meta = {"meta": {"_type": "gradio.FileData"}}
    data = f"data:image/png;base64,{b64encode(photo.read_bytes()).decode()}"
    paths = {
        "a picture": photo,
        "a text": text,
        "nothing": folder / "nothing.jpg",
        "a folder": folder,
        "the uploads": uploads,
        "a link": uploads / "link.jpg",
        "below a link": uploads / "folder" / "photo.jpg",
        "a loop": uploads / "loop",
        "dots": f"{uploads}/../../../{photo.relative_to(folder.parent)}",
        "relative": os.path.relpath(photo, Path.cwd()),
        "a device": "/dev/zero",
        "a URL": "http://127.0.0.1:9/photo.jpg",
        "a file URL": photo.as_uri(),
        "base64": data,
        "null": "\0",
        "half a character": "\ud800",
        "empty": "",
    }
    return (
        {name: {"path": str(path)} for name, path in paths.items()}
        | {f"{name} with meta": {"path": str(paths[name])} | meta for name in WITH_META}
        | {"url alone": {"url": str(photo)}, "url of base64": {"url": data} | meta}
        | {"text": str(photo), "base64 text": data, "number": 3, "path of path": {"path": {}}}
        | {"no path": {}, "list": [str(photo)], "nested": {"path": {"path": str(photo)}}}
    )


def takes_files(function: dict[str, Any], kinds: dict[int, str]) -> bool:
    return any(kinds[number] in ("image", "file") for number in function["inputs"])


def test_no_function_takes_another_file_than_an_upload(
    visitor: Visitor, tmp_path: Path, draw: Callable[..., Path]
) -> None:
    """Every function of the page, public or private, by every route."""
    uploads = Path(visitor.upload(draw("mine.png", "red"))).parents[1]
    config = visitor.config()
    kinds = {one["id"]: one["type"] for one in config["components"]}
    default = {one["id"]: one["props"].get("value") for one in config["components"]}
    functions = [one for one in config["dependencies"] if takes_files(one, kinds)]
    published = json.loads(visitor.get("/gradio_api/info?all_endpoints=true")[1])
    named = {f"/{one['api_name']}" for one in config["dependencies"]}
    assert named >= set(published["named_endpoints"]) and not published["unnamed_endpoints"]
    assert len(functions) == 6
    for what, picture in hostile_pictures(tmp_path, uploads).items():
        for function in functions:
            sent: dict[str, Any] = {"image": picture, "file": [picture]}
            data = [sent.get(kinds[one], default[one]) for one in function["inputs"]]
            for route in ("queue", "call", "run") if what in WITH_META else ("queue",):
                answer = visitor.call(route, function, data)
                assert "data:image/jpeg" not in answer, (what, function["api_name"], route)
                assert "p_man" not in answer, (what, function["api_name"], route)
                assert route == "run" or REFUSAL in answer, (what, function["api_name"], answer)


def test_the_refusal_does_not_say_what_lies_there(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    Image.new("RGB", (60, 60), "red").save(tmp_path / "photo.jpg")
    [compare] = [one for one in visitor.config()["dependencies"] if one["api_name"] == "compare"]
    places = [tmp_path, tmp_path / "text.txt", tmp_path / "photo.jpg", tmp_path / "nothing"]
    assert len({visitor.call("call", compare, [{"path": str(place)}]) for place in places}) == 1


def test_an_upload_is_classified_whatever_else_the_payload_says(
    visitor: Visitor, portray: Callable[..., Path]
) -> None:
    path = visitor.upload(portray("red.png", "red"))
    payload = {"path": path, "url": "http://127.0.0.1:9/", "orig_name": 5, "meta": "none"}
    [classify] = [one for one in visitor.config()["dependencies"] if one["api_name"] == "classify"]
    assert '"label": "man"' in visitor.call("call", classify, [payload, "resnet50", "int8"])


@settings(max_examples=50)
@given(st.text() | st.text().map(lambda text: f"/tmp/uploads/{text}"))
def test_a_path_is_an_upload_or_refused(path: str) -> None:
    with pytest.raises(RefusedError, match=REFUSAL):
        Uploads(Path("/tmp/uploads")).find(path)


def test_what_lies_outside_is_not_even_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(tmp_path)
    monkeypatch.setattr(Path, "resolve", lambda *_, **__: pytest.fail("it was looked at"))
    with pytest.raises(RefusedError):
        uploads.find("/etc/passwd")


def test_the_file_route_serves_uploads_and_nothing_else(
    visitor: Visitor, tmp_path: Path, draw: Callable[..., Path]
) -> None:
    mine = Path(visitor.upload(draw("mine.png", "red")))
    assert visitor.get(f"/gradio_api/file={quote(str(mine))}")[0] == 200
    answers = set()
    for picture in hostile_pictures(tmp_path, mine.parents[1]).values():
        path = picture.get("path") if isinstance(picture, dict) else picture
        if isinstance(path, str) and path.isprintable():
            answers.add(visitor.get(f"/gradio_api/file={quote(path)}"))
    assert answers == {(404, "not found\n")}


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://example.com/x.png",
        "/gradio_api/proxy=http://example.com/",
        "/gradio_api/file//etc/passwd",
        "/gradio_api/vibe-code",
        "/gradio_api/dev/reload",
        "/gradio_api/stream/a/b/1/playlist.m3u8",
        "/monitoring",
        "/docs",
        "/openapi.json",
    ],
)
def test_routes_that_the_page_does_not_need_are_not_there(visitor: Visitor, path: str) -> None:
    assert visitor.get(path) == (404, "not found\n")


def test_routes_that_write_are_not_there(visitor: Visitor) -> None:
    for route in ("process_recording", "component_server", "stream/x", "vibe-edit"):
        assert visitor.post(f"/gradio_api/{route}", {})[0] == 404


HOSTILE_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe\x00",
    b'{"data": 1}',
    b'{"data": null}',
    b'{"data": [], "session_hash": "s", "fn_index": 2}',
    b'{"data": [1, 2, 3, 4, 5, 6], "session_hash": "s", "fn_index": 2}',
    b'{"data": [null, null, null], "session_hash": "s", "fn_index": 2}',
    b'{"data": [{"path": 1}, {}, []], "session_hash": "s", "fn_index": 2}',
    b'{"data": [null, {"path": "/etc/passwd"}, NaN], "session_hash": "s", "fn_index": 1}',
    b'{"data": [null, "a", "b"], "session_hash": 5, "fn_index": 2}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 99}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": -1}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 1e999}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": ' + b"9" * 5000 + b"}",
    b'{"data": [' + b"9" * 5000 + b', "a", "b"], "session_hash": "s", "fn_index": 2}',
    b'{"data": ' + b"[" * 20_000 + b"]" * 20_000 + b', "session_hash": "s", "fn_index": 2}',
    b'{"data": ["\\ud800", "a", "b"], "session_hash": "\\ud800", "fn_index": 2}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 2, "trigger_id": 9999}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 2, "batched": true}',
    b'{"data": [99], "session_hash": "s", "fn_index": 0, "event_data": []}',
    b'{"picture": {"path": "/etc/passwd"}, "nothing": 1}',
]


def test_bad_requests_are_told_in_a_line(visitor: Visitor) -> None:
    """That the log has no traceback either is checked when the server has ended."""
    names = [one["api_name"] for one in visitor.config()["dependencies"]] + ["nothing", "0"]
    calls = [f"{route}/{name}" for route in ("call", "call/v2", "run") for name in names]
    for path in [*calls, "queue/join", "cancel", "reset", "upload"]:
        for body in HOSTILE_BODIES:
            status, text = visitor.post(f"/gradio_api/{path}", body)
            assert status < 500 or path.startswith("run/"), (path, body[:80], text)
            assert "Traceback" not in text and ".py" not in text, (path, body[:80], text)
            if status == 200 and "event_id" in text and path.startswith("call"):
                name = path.rpartition("/")[2]
                event = visitor.get(f"/gradio_api/call/{name}/{json.loads(text)['event_id']}")
                assert "event: error" in event[1] or "event: complete" in event[1]
                assert ".py" not in event[1]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"x"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="files"'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename=".."\r\n\r\nx\r\n--x--',
        ),
        ("text/plain", b"x"),
    ],
)
def test_bad_uploads_are_told_in_a_line(visitor: Visitor, kind: str, body: bytes) -> None:
    status, text = visitor.ask("POST", "/gradio_api/upload", body, Content_Type=kind)
    assert status == 400 or text == "[]"
    assert "/" not in text


def test_unknown_sessions_and_events_are_told_in_a_line(visitor: Visitor) -> None:
    for path in ("queue/data?session_hash=nobody", "queue/data", "call/classify/nothing"):
        status, text = visitor.get(f"/gradio_api/{path}")
        assert status < 500 and ".py" not in text


def test_the_page_is_known_by_its_own_names_only(visitor: Visitor) -> None:
    port = visitor.server.port
    for name in ("localhost", "127.0.0.1", f"localhost:{port}", "[::1]:80", "LOCALHOST."):
        assert visitor.get("/config", Host=name)[0] == 200, name
    for name in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "10.0.0.1", ""):
        for path in ("/", "/config", "/gradio_api/queue/data?session_hash=s", "/assets/x.js"):
            status, text = visitor.get(path, Host=name)
            assert (status, text.count("\n")) == (403, 1), name
        assert visitor.post("/gradio_api/upload", b"", Host=name)[0] == 403


def test_a_websocket_finds_nobody(visitor: Visitor) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Host": "evil.example"}
    assert visitor.get("/gradio_api/queue/join", **upgrade)[0] == 403


def test_pages_of_others_cannot_use_the_server(visitor: Visitor) -> None:
    own = f"http://127.0.0.1:{visitor.server.port}"
    body = {"data": [None, "resnet50", "int8"]}
    assert visitor.post("/gradio_api/call/classify", body, Origin=own)[0] == 200
    others = ["http://evil.example", "null", "http://127.0.0.1:1", f"{own}.evil.example", "file://"]
    for origin in others:
        assert visitor.post("/gradio_api/call/classify", body, Origin=origin)[0] == 403, origin
        preflight = {"Origin": origin, "Access_Control_Request_Method": "POST"}
        assert visitor.ask("OPTIONS", "/gradio_api/call/classify", **preflight)[0] == 403
    for mode, status in (("no-cors", 403), ("navigate", 200)):
        fetch = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": mode}
        assert visitor.get("/config", **fetch)[0] == status


def test_a_forwarded_host_is_no_way_in(visitor: Visitor) -> None:
    _, config = visitor.get("/config", X_Forwarded_Host="evil.example")
    assert "evil.example" not in config


@pytest.mark.parametrize(
    ("address", "named", "host", "known"),
    [
        ("0.0.0.0", "", "192.168.1.5:7860", True),
        ("0.0.0.0", "", "[fe80::1]:7860", True),
        ("0.0.0.0", "", "server.lan", False),
        ("0.0.0.0", "server.lan", "SERVER.lan:80", True),
        ("192.168.1.5", "", "192.168.1.5:7860", True),
        ("192.168.1.5", "", "192.168.1.6:7860", False),
        ("myhost", "", "myhost:7860", True),
        ("127.0.0.1", "https://faces.example.org:8443/", "faces.example.org", True),
        ("127.0.0.1", "*.example.org", "faces.example.org", True),
        ("127.0.0.1", "*.example.org", "example.org", False),
        ("127.0.0.1", "*.example.org", "evilexample.org", False),
        ("127.0.0.1", "*", "anything", True),
        ("127.0.0.1", " , ", "", False),
        ("127.0.0.1", "", "evil@localhost", False),
        ("127.0.0.1", "", "localhost:80:80", False),
        ("127.0.0.1", "", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "", "127.0.0.2", True),
        ("127.0.0.1", "", "0.0.0.0", False),
    ],
)
def test_host_names(address: str, named: str, host: str, known: bool) -> None:
    assert Hosts.of(address, named.split(",")).know(host) is known


@given(st.text(), st.text())
def test_no_host_or_origin_is_an_error(host: str, origin: str) -> None:
    hosts = Hosts.of("127.0.0.1")
    assert hosts.know(host) in (True, False)
    assert hosts.trust(origin, host) in (True, False)


def test_answers_carry_a_policy(visitor: Visitor) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", visitor.server.port, timeout=20)
    for path in ("/", "/config", "/nothing"):
        connection.request("GET", path, headers={"Accept-Encoding": "br, gzip"})
        answer = connection.getresponse()
        answer.read()
        rules = dict(
            rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; ")
        )
        assert rules["default-src"] == "'self'" and rules["frame-ancestors"] == "'self'"
        assert "unsafe-inline" not in rules["script-src"]
    connection.close()


def test_a_request_head_must_come_in_time(hasty: Server) -> None:
    for first, then in ((b"", b""), (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"x")):
        with socket.create_connection(("127.0.0.1", hasty.port), timeout=10) as connection:
            connection.sendall(first)
            began, answer = time.monotonic(), b""
            connection.settimeout(0.2)
            while time.monotonic() - began < 10 and not answer:
                with suppress(TimeoutError):
                    answer = connection.recv(1000)
                with suppress(OSError):
                    connection.sendall(then)  # a byte now and then does not prolong it
            assert b" 408 " in answer
            assert 0.8 < time.monotonic() - began < 5


def test_one_client_cannot_hold_many_connections(hasty: Server) -> None:
    held = [socket.create_connection(("127.0.0.1", hasty.port), timeout=5) for _ in range(40)]
    try:
        time.sleep(0.3)
        assert b" 503 " in held[-1].recv(1000)
        held[0].sendall(b"GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert held[0].recv(12) == b"HTTP/1.1 401", "those who were first are served"
    finally:
        for connection in held:
            connection.close()
    wait_until_up(hasty)


def test_one_client_cannot_hold_many_requests(server: Server) -> None:
    held = []
    try:
        answers = []
        for number in range(34):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", f"/gradio_api/heartbeat/s{number}")
            held.append(connection)
            answers.append(connection.getresponse().status)
        assert answers == [200] * 32 + [429] * 2
    finally:
        for connection in held:
            connection.close()


def test_one_client_has_one_batch_at_a_time(visitor: Visitor, portray: Callable[..., Path]) -> None:
    path = visitor.upload(portray("red.png", "red"))
    batch = {"data": [[{"path": path}] * 50, "resnet50", "int8"]}
    status, text = visitor.post("/gradio_api/call/classify_batch", batch)
    assert status == 200
    refused = visitor.post("/gradio_api/call/classify_batch", batch)
    assert refused[0] == 400 and "One batch at a time" in refused[1]
    event = json.loads(text)["event_id"]
    assert "event: complete" in visitor.get(f"/gradio_api/call/classify_batch/{event}")[1]
    batch["data"][0] = []
    assert visitor.post("/gradio_api/call/classify_batch", batch)[0] == 200


def test_one_client_cannot_fill_the_queue(visitor: Visitor, portray: Callable[..., Path]) -> None:
    path = visitor.upload(portray("red.png", "red"))
    call = partial(visitor.post, "/gradio_api/call/compare", {"data": [{"path": path}]})
    answers = [call() for _ in range(40)]
    assert any(status == 400 and "Too many" in text for status, text in answers)
    assert {status for status, _ in answers} == {200, 400}
    time.sleep(2)


def test_no_function_goes_round_the_queue(visitor: Visitor) -> None:
    assert visitor.post("/gradio_api/run/models", {"data": []})[0] == 404


def test_failed_logins_are_slow_and_in_the_log(hasty: Server) -> None:
    visitor = Visitor(hasty)
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    took = []
    for guess in ("hunter2", "hunter3", "hunter4"):
        began = time.monotonic()
        body = f"username=me%0Aforged&password={guess}".encode()
        assert visitor.ask("POST", "/login", body, **form)[0] == 400
        took.append(time.monotonic() - began)
    assert took[0] > 0.3 and took[1] > 0.6 and took[2] > 0.9
    status, _ = visitor.ask("POST", "/login", b"username=me&password=secret", **form)
    assert status == 200
    log = hasty.log.read_text() if hasty.log else ""
    assert log.count("login failed from 127.0.0.1, user 'me") == 3
    assert "hunter" not in log and "\nforged" not in log
    assert visitor.get("/config")[0] == 401


def test_named_hosts_are_served_and_said(hasty: Server) -> None:
    visitor = Visitor(hasty)
    assert visitor.get("/", Host="faces.example.org")[0] == 200
    assert visitor.get("/", Host="192.168.1.5:7860")[0] == 200
    assert visitor.get("/", Host="evil.example")[0] == 403
    assert hasty.log and "ALLOWED_HOSTS (faces.example.org)" in hasty.log.read_text()


def test_aborted_uploads_are_swept(server: Server, tmp_path: Path) -> None:
    with running(server.temp.parent / "models", tmp_path / "temp", HURRY) as hasty:
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        head = (
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", hasty.port), timeout=10) as connection:
            connection.sendall(head + part + b"y" * 5000)
            wait_for(lambda: any(hasty.temp.rglob("uploads/tmp*")))
            time.sleep(1)
            assert any(hasty.temp.rglob("uploads/tmp*")), "what is being sent stays"
        wait_for(lambda: not any(hasty.temp.rglob("uploads/tmp*")))
        assert any(hasty.temp.rglob("group.jpg")), "the page's own pictures stay"


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_sweep_goes_by_age(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "example.jpg").touch()
    uploads.keep_what_is_there()
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "photo.jpg").touch()
    (tmp_path / "old" / "link").symlink_to(tmp_path / "kept")
    long_ago = time.time() - SECONDS_KEPT - 120
    for path in tmp_path.rglob("*"):
        if path.parent.name != "new" and path.name != "new":
            os.utime(path, (long_ago, long_ago), follow_symlinks=False)
    uploads.sweep()
    uploads.sweep()  # folders, which the first one emptied and so changed, are younger
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"kept/example.jpg", "new/photo.jpg"}


def test_a_closed_terminal_leaves_nothing(server: Server, tmp_path: Path) -> None:
    models, temp = server.temp.parent / "models", tmp_path / "temp"
    temp.mkdir()
    port = free_port()
    process = start(models, temp, port)
    wait_until_up(Server(process, f"http://127.0.0.1:{port}", temp))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not [path for path in temp.rglob("*") if path.is_file()]


def test_the_next_server_sweeps_after_one_that_was_killed(server: Server, tmp_path: Path) -> None:
    models, temp = server.temp.parent / "models", tmp_path / "temp"
    temp.mkdir()
    port = free_port()
    process = start(models, temp, port)
    killed = Server(process, f"http://127.0.0.1:{port}", temp)
    wait_until_up(killed)
    photo = Path(Visitor(killed).upload(next(temp.rglob("group.jpg"))))
    process.kill()
    process.communicate(timeout=30)
    assert photo.exists()
    [old] = temp.glob("face-demo-*")
    process = start(models, temp, port)
    try:
        wait_until_up(Server(process, f"http://127.0.0.1:{port}", temp))
        assert not photo.exists() and not old.exists()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_only_dead_servers_folders_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "face-demo-before").mkdir()  # of a version without locks, perhaps alive
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "lock").touch()
    (tmp_path / "face-demo-link").symlink_to(other)
    with temporary.own_folder() as mine:
        (mine / "photo.jpg").touch()
        with temporary.own_folder() as second:
            assert second != mine and (mine / "photo.jpg").exists()
        assert not second.exists()
    assert not mine.exists()
    assert (tmp_path / "face-demo-before").exists() and (other / "lock").exists()
    os.utime(tmp_path / "face-demo-before", (0, 0))
    temporary.sweep()
    assert not (tmp_path / "face-demo-before").exists()


def damage(models: Path, name: str, file: str, content: bytes) -> None:
    (models / name / file).write_bytes(content)


ONNX = ("model.int8.onnx", "model.onnx")


@pytest.mark.parametrize("files", [ONNX, ("bundle.json",)])
def test_a_damaged_champion_is_replaced_by_the_next_in_rank(
    models: Path, draw: Callable[..., Path], capsys: pytest.CaptureFixture, files: tuple[str, ...]
) -> None:
    for file in files:
        damage(models, "resnet50", file, b"\xff damaged")
    found = Models.read(models)
    assert (found.names, found.left_out) == (["vgg16"], ["resnet50"])
    header = markup.header(found)
    assert "Damaged and left out:</b> resnet50" in header and "vgg16" in header
    log = capsys.readouterr().err
    assert "passed over" in log and "resnet50" in log
    assert "champion resnet50 is replaced by vgg16" in log
    assert [answer.backbone for answer in compare(draw("a.png", "red"), found)] == ["vgg16"]


def test_a_damaged_form_is_replaced_by_the_other(
    models: Path, draw: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    damage(models, "resnet50", "model.int8.onnx", b"damaged")
    first, _ = compare(draw("a.png", "red"), Models.read(models))
    assert (first.backbone, first.precision) == ("resnet50", "fp32")
    assert "model.int8.onnx is cut off" in caplog.text


def test_another_damaged_model_leaves_the_comparison(
    models: Path, draw: Callable[..., Path], capsys: pytest.CaptureFixture
) -> None:
    for file in ONNX:
        damage(models, "vgg16", file, b"damaged")
    found = Models.read(models)
    assert found.names == ["resnet50", "vgg16"], "it is loaded when it is first asked for"
    picture = draw("a.png", "red")
    answers = compare(picture, found)
    assert [answer.backbone for answer in answers] == ["resnet50"]
    assert "left out: vgg16" in markup.comparison(picture, answers, found)
    assert "vgg16" in capsys.readouterr().err


def test_a_model_that_cannot_be_served_in_any_form_is_passed_over(models: Path) -> None:
    info = bundle.read(models / "resnet50").info
    empty = info.model_copy(update={"formats": {}})
    damage(models, "resnet50", "bundle.json", empty.model_dump_json().encode())
    assert Models.read(models).names == ["vgg16"]


def test_without_any_sound_model_it_says_what_to_do(models: Path) -> None:
    for name in ("resnet50", "vgg16"):
        for file in ONNX:
            damage(models, name, file, b"damaged")
    with pytest.raises(bundle.BundleError, match="run `make export` again"):
        Models.read(models)
