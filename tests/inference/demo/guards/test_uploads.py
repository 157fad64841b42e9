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

from inference.demo.guards.uploads import SECONDS_KEPT, Upload, Uploads
from inference.served.errors import RefusedError

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


def test_the_pages_own_pictures_stay(hurried_server: Server) -> None:
    [example] = hurried_server.temp.rglob("uploads/*/group.jpg")
    other = example.with_name("other.jpg")
    other.touch()
    for path in (example, other):
        os.utime(path, (0, 0))
    wait_for(lambda: not other.exists())
    assert example.exists()
    os.utime(example)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_sweep_goes_by_age(tmp_path: Path) -> None:
    uploads, now = Uploads(tmp_path), time.time()
    ages = {"kept/example.jpg": 9e9, "old/photo.jpg": SECONDS_KEPT + 120, "new/photo.jpg": 100}
    for name in ages:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
        if name.startswith("kept"):
            uploads.keep_what_is_there()
    (tmp_path / "old" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "empty").mkdir()
    ages |= {"old/link": SECONDS_KEPT + 120, "empty": SECONDS_KEPT + 120}
    for name, age in ages.items():
        os.utime(tmp_path / name, (max(0, now - age),) * 2, follow_symlinks=False)
    uploads.sweep()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"kept", "kept/example.jpg", "new", "new/photo.jpg", "old"}, "old is younger now"


@pytest.mark.parametrize("sent", [0, 3, "", "text", {}, {"path": "a"}, [3], [{"path": 3}]])
def test_many_pictures_are_a_list_of_uploads(tmp_path: Path, sent: object) -> None:
    with pytest.raises(RefusedError, match=REFUSAL):
        Uploads(tmp_path).to_uploads(sent)


def test_uploads_keep_their_order_and_names(tmp_path: Path) -> None:
    uploads, files = Uploads(tmp_path), [tmp_path / "b.jpg", tmp_path / "a.jpg"]
    for file in files:
        file.touch()
    sent = [{"path": str(file), "orig_name": f"my {file.name}"} for file in files]
    named = [Upload(file.resolve(), f"my {file.name}") for file in files]
    assert uploads.to_uploads([sent[0], None, sent[1]]) == named
    assert uploads.to_uploads(None) == []
    assert uploads.to_upload({"path": str(files[0]), "orig_name": 5}).name == "picture"
