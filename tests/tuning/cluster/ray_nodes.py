"""Several Ray nodes on this machine, each with a home of its own, that can be killed."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil


class Nodes:
    """Nodes of one core each; all but the first one see no file in the folder that is hidden."""

    def __init__(self, folder: Path, hidden: Path | None = None) -> None:
        self.folder = folder
        self.hidden = hidden
        self.address = f"127.0.0.1:{_free_port()}"
        self.access = {
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }  # fmt: skip
        self._nodes: list[subprocess.Popen[bytes]] = []
        self._scratch = Path(tempfile.mkdtemp(prefix="rn", dir="/tmp"))  # sockets: short paths
        self.head = self._start("--head", f"--port={self.address.rpartition(':')[2]}",
                                "--include-dashboard=false")  # fmt: skip
        self._wait_for_head()

    def add(self) -> int:
        """Start another node; its number."""
        self._start(f"--address={self.address}", hide=self.hidden)
        return len(self._nodes) - 1

    def kill(self, number: int) -> None:
        """Kill a node with all that runs there."""
        node = self._nodes[number]
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(node.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        node.kill()
        node.wait()

    def workers(self) -> list[psutil.Process]:
        """The processes that do a step now."""
        return [worker for node in self._nodes for worker in working_below(node.pid)]

    def stop(self) -> None:
        for number in reversed(range(len(self._nodes))):
            self.kill(number)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def home(self, number: int) -> Path:
        return self.folder / f"node{number}"

    def _start(self, *arguments: str, hide: Path | None = None) -> subprocess.Popen[bytes]:
        number = len(self._nodes)
        home = self.home(number)
        home.mkdir(parents=True)
        command = [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1",
            "--disable-usage-stats", f"--temp-dir={self._scratch}/{number}",
            "--object-store-memory=300000000", f"--dashboard-agent-listen-port={_free_port()}",
            *arguments,
        ]  # fmt: skip
        if hide:
            mount = f'mount -t tmpfs none {hide} && exec "$@"'
            command = [*UNSHARE, "sh", "-c", mount, "sh", *command]
        environment = {
            **os.environ, **self.access, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")
        }  # fmt: skip
        with (home / "log").open("wb") as log:
            node = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd=home, start_new_session=True
            )
        self._nodes.append(node)
        return node

    def _wait_for_head(self) -> None:
        host, _, port = self.address.rpartition(":")
        for _ in range(600):
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.home(0) / "log").read_text())


def working_below(pid: int) -> list[psutil.Process]:
    """The Ray workers among a process's children that do a step now."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.cmdline()[:1] == ["ray::do"]:
                    found.append(process)
    return found


UNSHARE = ["unshare", "--mount"]


def can_hide() -> bool:
    """Whether this user may hide a folder from a process."""
    if not shutil.which("unshare"):
        return False
    return not subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
