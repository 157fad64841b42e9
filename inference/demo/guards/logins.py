"""Who may see the page: one user and password, which cannot be guessed quickly."""

import asyncio
import secrets
import time
from collections import OrderedDict

from inference.served.guards.bounds import client_address
from inference.served.log import log_line

SECONDS_OF_DELAY = (1.0, 30.0)
"""Delay after the first failed login of a client, and the longest; each doubles the last one."""

_SECONDS_REMEMBERED = 3600
_CLIENTS_REMEMBERED = 1000


class Login:
    """A user and a password; `check` is Gradio's `auth`. Failures are slowed and logged.

    The attempts of one client wait for each other: many at once are no faster.

    Args:
        user: Name of the one user who is let in.
        password: Password of that user.

    Example:
        >>> asyncio.run(Login("me", "secret").check("me", "secret"))
        True
    """

    def __init__(self, user: str, password: str) -> None:
        self._expected = (user.encode(), password.encode())
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    async def check(self, user: str, password: str) -> bool:
        """Check a login of the client in `client_address`; a failed one takes its delay.

        Args:
            user: User as it was sent.
            password: Password as it was sent.

        Returns:
            Whether both are the expected ones.
        """
        address = client_address.get()
        client = self._client(address)
        async with client.turn:
            given = (user.encode(errors="replace"), password.encode(errors="replace"))
            matches = [
                secrets.compare_digest(*pair) for pair in zip(given, self._expected, strict=True)
            ]
            if all(matches):
                self._clients.pop(address, None)
                return True
            log_line(f"login failed from {address}, user {user[:40]!r}")
            await asyncio.sleep(client.next_delay())
            return False

    def _client(self, address: str) -> "_Client":
        client = self._clients.pop(address, None) or _Client()
        self._clients[address] = client
        if len(self._clients) > _CLIENTS_REMEMBERED:
            self._clients.popitem(last=False)
        return client


class _Client:
    """One address's attempts."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._failures = 0
        self._last = 0.0

    def next_delay(self) -> float:
        now = time.monotonic()
        self._failures = 1 if now - self._last > _SECONDS_REMEMBERED else self._failures + 1
        self._last = now
        first, longest = SECONDS_OF_DELAY
        return min(longest, first * 2 ** min(self._failures - 1, 10))
