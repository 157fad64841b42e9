"""Connections of this machine to itself do not go through a proxy."""

import os

_NO_GRPC_PROXY = "no_grpc_proxy"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def keep_direct() -> None:
    """Let this process and those that it starts reach this machine without a proxy.

    gRPC, by which chief and workers talk, would send 127.0.0.1 to `http_proxy` as well. What is
    in `no_proxy` stays there.

    Example:
        >>> from unittest.mock import patch
        >>> with patch.dict(os.environ, {"no_proxy": "intranet"}):
        ...     keep_direct()
        ...     print(os.environ["no_proxy"])
        intranet,localhost,127.0.0.1,::1
    """
    exceptions = {"no_proxy": os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")}
    if _NO_GRPC_PROXY in os.environ:  # gRPC then looks there alone
        exceptions[_NO_GRPC_PROXY] = os.environ[_NO_GRPC_PROXY]
    os.environ.update({name: _with_loopback(hosts) for name, hosts in exceptions.items()})


def _with_loopback(hosts: str) -> str:
    known = [host.strip() for host in hosts.split(",") if host.strip()]
    return ",".join([*known, *(host for host in _LOOPBACK if host not in known)])
