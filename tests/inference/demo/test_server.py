"""How the server starts and ends."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest
from demo_server import Server, Visitor, running, start, wait_until_up

from inference.demo.server import serve


def test_a_user_without_a_password_is_wrong_usage(tmp_path: Path) -> None:
    server = start(tmp_path, tmp_path / "temp", DEMO_USER="me")
    assert server.process.wait(timeout=240) == 2
    assert "give both or neither" in server.log.read_text()


def test_without_models_it_says_what_to_run(tmp_path: Path) -> None:
    server = start(tmp_path / "nowhere", tmp_path / "temp")
    assert server.process.wait(timeout=240) == 2
    [line] = server.log.read_text().splitlines()
    assert "run `make export` first" in line


def test_a_port_in_use_is_an_error(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1, port {port}: Address"):
            serve(models, "127.0.0.1", port)


def test_a_killed_servers_folder_goes_with_the_next_and_that_ones_with_its_terminal(
    server: Server, tmp_path: Path
) -> None:
    models, temp = server.temp.parent / "models", tmp_path / "temp"
    killed = start(models, temp)
    wait_until_up(killed)
    photo = Path(Visitor(killed).upload(next(temp.rglob("group.jpg"))))
    killed.process.kill()
    killed.process.wait(timeout=30)
    assert photo.exists()
    [old] = temp.glob("face-demo-*")
    with running(models, temp, end=signal.SIGHUP):
        assert not photo.exists() and not old.exists()
        assert list(temp.glob("face-demo-*"))


def test_nohup_keeps_the_server_when_the_terminal_is_closed(hurried_server: Server) -> None:
    hurried_server.process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        hurried_server.process.wait(1)
    wait_until_up(hurried_server)
    assert hurried_server.process.poll() is None
