"""The start of a local Ray, or the way to a cluster that runs."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuning.cluster.errors import ClusterError

_EXTRA = "pip install '.[train,cpu,cluster]'"
_OOM_RETRIES = "2"
_OBJECT_STORE = 1 << 30  # bytes: weights and what is on its way; more goes to the disk
_TIMEOUT = 20.0  # seconds to find the cluster's head
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
_OUR_CODE = [
    str(Path(__file__).parents[2] / name) for name in ("data", "tuning", "inference", "export")
]
"""Packages that workers of a cluster take from the driver, so that all run the same code."""
# It keeps Ray to 127.0.0.1, whatever the machine is called: no other machine reaches its ports.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# What Ray has started ends so many seconds after a driver that was killed.
_SOON = {"RAY_gcs_rpc_server_reconnect_timeout_s": "15"}


@contextmanager
def local(workers: int) -> Iterator[str]:
    """Run Ray on this machine while the block lasts; only this user's driver may use it.

    Args:
        workers: Number of processes that do steps side by side.

    Yields:
        Address of its dashboard, "" where there is none.

    Raises:
        ClusterError: Ray is not installed, or does not start.
    """
    _require_ray()
    own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with _connected(
        {**own, **_LOOPBACK, **_SOON},
        address="local",
        num_cpus=workers,
        object_store_memory=_OBJECT_STORE,
        dashboard_host="127.0.0.1",
    ) as dashboard:
        yield dashboard


@contextmanager
def remote(address: str) -> Iterator[str]:
    """Use a cluster that runs while the block lasts.

    Args:
        address: Host and port of its head, or "auto" for the one that this machine belongs to.

    Yields:
        Address of its dashboard, "" where there is none.

    Raises:
        ClusterError: Ray is not installed, or no cluster can be reached there.
    """
    _require_ray()
    if address != "auto":
        _require_head(address)
    with _connected({}, address=address, runtime_env={"py_modules": _OUR_CODE}) as dashboard:
        yield dashboard


@contextmanager
def _connected(own: Mapping[str, str], **arguments: Any) -> Iterator[str]:
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_task_oom_retries": _OOM_RETRIES,
        **own,
    }
    import ray

    # Each lost worker would be told on our screen, with a dump of Ray's state; Ray's logs have it.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    try:
        context = ray.init(**arguments, **_SILENT)
    except Exception as error:
        raise ClusterError(_reason(arguments["address"], error)) from error
    try:
        yield context.dashboard_url or ""
    finally:
        ray.shutdown()


def _reason(address: str, error: Exception) -> str:
    words = " ".join(str(error).split())[:200]
    if address == "local":
        return f"Ray does not start on this machine: {words}"
    return f"RAY_ADDRESS={address}: no Ray cluster answers there: {words}"


def _require_ray() -> None:
    if not find_spec("ray"):
        raise ClusterError(f"WORKERS= and RAY_ADDRESS= need Ray, which is not installed: {_EXTRA}")


def _require_head(address: str) -> None:
    """Say soon that no cluster answers: Ray itself tries for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise ClusterError(
            f"RAY_ADDRESS={address}: give host:port of the cluster's head, as in 10.0.0.5:6379, "
            "on a machine that belongs to the cluster"
        )
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    with suppress(subprocess.TimeoutExpired):
        if not subprocess.run(command, capture_output=True, timeout=_TIMEOUT).returncode:
            return
    raise ClusterError(
        f"RAY_ADDRESS={address}: no head of a Ray cluster answers within {_TIMEOUT:.0f} s; is it "
        "running, does a firewall keep this machine out, is RAY_AUTH_TOKEN the cluster's?"
    )
