"""Which routes and files are served, and to whose pages."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from demo_server import Server, Visitor
from starlette.types import Message, Receive, Scope, Send

from inference.served.guards.hosts import Hosts
from inference.served.guards.own_site import OwnSite


def test_the_file_route_serves_uploads_and_nothing_else(
    visitor: Visitor, draw: Callable[..., Path], hostile_pictures: dict[str, Any]
) -> None:
    mine = Path(visitor.upload(draw("mine.png", "red")))
    assert visitor.get(f"/gradio_api/file={quote(str(mine))}")[0] == 200
    responses = set()
    for picture in hostile_pictures.values():
        path = picture.get("path") if isinstance(picture, dict) else picture
        if isinstance(path, str) and path.isprintable():
            responses.add(visitor.get(f"/gradio_api/file={quote(path)}"))
    assert responses == {(404, "not found\n")}


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "{models}/index.json"])
def test_files_of_the_server_cannot_be_fetched(server: Server, path: str) -> None:
    place = quote(path.format(models=server.temp.parent / "models"))
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{server.url}/gradio_api/file={place}", timeout=10)
    assert refused.value.code in (403, 404)


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
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert visitor.get("/gradio_api/queue/join", **upgrade)[0] == 404
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pytest.fail("it was let in")

    async def send(message: Message) -> None:
        sent.append(message)

    guard = OwnSite(app, Hosts("127.0.0.1"))
    asyncio.run(guard({"type": "websocket"}, asyncio.sleep, send))
    assert sent == [{"type": "websocket.close"}]


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


def test_named_hosts_are_served_and_said(hurried_server: Server) -> None:
    visitor = Visitor(hurried_server)
    assert visitor.get("/", Host="faces.example.org")[0] == 200
    assert visitor.get("/", Host="192.168.1.5:7860")[0] == 200
    assert visitor.get("/", Host="evil.example")[0] == 403
    assert "ALLOWED_HOSTS (faces.example.org)" in hurried_server.log.read_text()
