"""The login."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_server import Server, Visitor
from gradio_client import Client, handle_file

from inference.demo.guards.logins import Login
from inference.served.guards.bounds import client_address


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


def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time stand still, and return what was waited for."""
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return delays


def check(login: Login, user: str = "me", password: str = "guess") -> bool:
    return asyncio.run(login.check(user, password))


def test_both_user_and_password_must_be_correct() -> None:
    login = Login("me", "secret")
    assert check(login, "me", "secret")
    with pytest.MonkeyPatch.context() as patch:
        slept(patch)
        for user, password in (("me", ""), ("", "secret"), ("Me", "secret"), ("me", "secret\0")):
            assert not check(login, user, password)
        assert not check(login, "me", "\ud800")


def test_delays_double_up_to_a_limit_and_end_with_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    delays, login = slept(monkeypatch), Login("me", "secret")
    for _ in range(7):
        check(login)
    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert check(login, "me", "secret")
    check(login)
    assert delays[-1] == 1


def test_failures_are_forgotten_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    delays, login = slept(monkeypatch), Login("me", "secret")
    for now in (0, 10, 3700):
        monkeypatch.setattr(time, "monotonic", lambda now=now: 1e6 + now)
        check(login)
    assert delays == [1, 2, 1]


def test_each_client_has_its_own_delay_and_a_thousand_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays, login = slept(monkeypatch), Login("me", "secret")
    for number in range(1500):
        client_address.set(f"10.0.0.{number}")
        check(login)
    assert set(delays) == {1}
    assert len(login._clients) == 1000


def test_attempts_at_once_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.demo.guards.logins.SECONDS_OF_DELAY", (0.1, 1.0))
    login, began = Login("me", "secret"), time.monotonic()

    async def at_once() -> list[bool]:
        return await asyncio.gather(*(login.check("me", guess) for guess in "abc"))

    assert asyncio.run(at_once()) == [False] * 3
    assert time.monotonic() - began > 0.1 + 0.2 + 0.4
