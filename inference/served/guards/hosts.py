"""Names under which the server is reached: other sites must not use it through a browser."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_AUTHORITY = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::\d{1,5})?", re.ASCII)
_EVERYWHERE = ("0.0.0.0", "::", "")


@dataclass(frozen=True)
class Hosts:
    """The names of a server that listens on `address`.

    Loopback names always are, and `address`. Where the server listens on all addresses, so is
    each address written in numbers: DNS, which an attacker may control, has no part in those.
    Other names must be in `named`.

    Attributes:
        address: Address or name that the server listens on, in lower case, without brackets.
        named: Further names in lower case; `*.example.org` is all below it, `*` every name.

    Example:
        >>> hosts = Hosts.of("127.0.0.1", ["*.example.org"])
        >>> hosts.know("localhost:7860"), hosts.know("faces.example.org")
        (True, True)
        >>> hosts.know("evil.example"), hosts.trust("http://evil.example", "localhost:7860")
        (False, False)
    """

    address: str
    named: frozenset[str] = frozenset()

    @classmethod
    def of(cls, address: str, named: Iterable[str] = ()) -> "Hosts":
        """Take names as people write them.

        Args:
            address: Address or name that the server listens on.
            named: Further names, in any case, with or without scheme and port.

        Returns:
            The names.
        """
        names = (name.strip().lower().rpartition("://")[2].strip("/") for name in named)
        return cls(_plain(address), frozenset(_name(name) or name for name in names if name))

    @property
    def everywhere(self) -> bool:
        """Whether the server listens on all addresses of the machine."""
        return self.address in _EVERYWHERE

    def know(self, authority: str) -> bool:
        """Check whether a request is for this server.

        Args:
            authority: Host and port that the request is for, as its header `Host` has them.

        Returns:
            Whether it names this server.
        """
        name = _name(authority)
        if name is None:
            return False
        number = _number(name)
        if number and (number.is_loopback or self.everywhere):
            return True
        return name in ("localhost", self.address) or self._is_named(name)

    def trust(self, origin: str, authority: str) -> bool:
        """Check whether a page may send requests: only this server's own, and of hosts in `named`.

        Args:
            origin: Origin of the page that sends it, as its header `Origin` has it.
            authority: Host and port that the request is for, as its header `Host` has them.

        Returns:
            Whether a page of that origin may send the request.
        """
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        name = _name(parts.netloc)
        if parts.scheme not in ("http", "https") or name is None:
            return False
        return _without_port(parts.netloc) == _without_port(authority) or self._is_named(name)

    def _is_named(self, name: str) -> bool:
        above = name.split(".")
        wider = {"*." + ".".join(above[start:]) for start in range(1, len(above))} | {"*"}
        return name in self.named or not self.named.isdisjoint(wider)


def _name(authority: str) -> str | None:
    """Return the host in `host:port`, or None where it is not of that form."""
    match = _AUTHORITY.fullmatch(authority)
    return _plain(match["name"]) if match else None


def _plain(name: str) -> str:
    return name.lower().strip("[]").rstrip(".")


def _number(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _without_port(authority: str) -> str:
    """Leave out the ports that browsers leave out."""
    return re.sub(r":(80|443)$", "", authority.lower())
