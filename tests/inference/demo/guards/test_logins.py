"""The login."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_server import Server, Visitor
from gradio_client import Client, handle_file


def test_failed_logins_are_slow_and_in_the_log(hurried_server: Server) -> None:
    visitor = Visitor(hurried_server)
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
    log = hurried_server.log.read_text()
    assert log.count("login failed from 127.0.0.1, user 'me") == 3
    assert "hunter" not in log and "\nforged" not in log
    assert visitor.get("/config")[0] == 401


def test_visitors_are_asked_for_the_login(
    hurried_server: Server, draw: Callable[..., Path]
) -> None:
    with pytest.raises(Exception, match=r"(?i)auth|401|credential"):
        Client(hurried_server.url, verbose=False)
    known = Client(hurried_server.url, auth=("me", "secret"), verbose=False)
    assert known.predict(handle_file(draw("a.png", "red")), api_name="/classify")["faces"] == []
