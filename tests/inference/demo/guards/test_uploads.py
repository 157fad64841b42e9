"""Which files a request may name, and when uploads are deleted."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_server import Server, Visitor
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.demo.errors import RefusedError
from inference.demo.guards.uploads import SECONDS_KEPT, Uploads

REFUSAL = "no picture that was uploaded here"


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


def test_aborted_uploads_are_swept(hurried_server: Server) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n"
        f"Cookie: {Visitor(hurried_server).log_in('me', 'secret')}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    temp = hurried_server.temp
    with socket.create_connection(("127.0.0.1", hurried_server.port), timeout=10) as connection:
        connection.sendall(head.encode() + part + b"y" * 5000)
        wait_for(lambda: any(temp.rglob("uploads/tmp*")))
        time.sleep(1)
        assert any(temp.rglob("uploads/tmp*")), "what is being sent stays"
    wait_for(lambda: not any(temp.rglob("uploads/tmp*")))
    assert any(temp.rglob("uploads/*/group.jpg")), "the page's own pictures stay"


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
