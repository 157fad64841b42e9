"""API keys: who may use the service."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from inference.service.errors import Kind, ServiceError

VARIABLE = "FACE_CLASSIFIER_API_KEY"
"""Variable of the environment with the keys, with commas between."""

_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{16,}")
_bearer = HTTPBearer(auto_error=False, description=f"A key of {VARIABLE}, where the server has any")


class ApiKeys:
    """The keys that let a request in; none of them is kept but as a SHA-256.

    Args:
        keys: Keys of at least 16 characters. Without any, everyone is let in.

    Raises:
        ValueError: A key is too short, or has characters that a header cannot hold.

    Example:
        >>> keys = ApiKeys(["0123456789abcdef"])
        >>> keys.know("0123456789abcdef"), keys.know("guess")
        (True, False)
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        keys = list(keys)
        if not all(map(_KEY.fullmatch, keys)):
            raise ValueError(
                f"{VARIABLE}: each key needs at least 16 characters, of letters, digits and signs "
                "but the comma; several have commas between"
            )
        self._digests = [_digest(key) for key in keys]

    @classmethod
    def parse(cls, text: str) -> "ApiKeys":
        """Read the keys from the variable's text; raises as the class.

        Example:
            >>> bool(ApiKeys.parse("")), bool(ApiKeys.parse("0123456789abcdef,fedcba9876543210"))
            (False, True)
        """
        return cls([key for key in map(str.strip, text.split(",")) if key])

    def __bool__(self) -> bool:
        return bool(self._digests)

    def know(self, key: str) -> bool:
        """Whether a key is one of these, in a time that does not depend on how much of it fits."""
        given = _digest(key)
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        return any(matches)

    def admit(self, given: "Credentials") -> None:
        """Let a request in.

        Args:
            given: Key of the request's header Authorization, None without one.

        Raises:
            ServiceError: There are keys, and it is none of them.
        """
        if self and not (given and self.know(given.credentials)):
            raise ServiceError(
                Kind.UNAUTHORIZED, "send an API key of this server: Authorization: Bearer KEY"
            )


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
"""Key as FastAPI reads it from a request, and as OpenAPI describes it."""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()
