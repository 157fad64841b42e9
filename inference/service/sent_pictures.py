"""From the body of a request to pictures in memory: nothing of it is ever written to disk."""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from data.messages import one_line
from inference.served.guards.bounds import MAX_PICTURE
from inference.service.errors import Kind, ServiceError
from inference.service.schema import MAX_NAME, MAX_PICTURES, FacesRequest

MAX_BODY = 64_000_000
"""Largest request in bytes."""

_MAX_HELD = 512_000_000  # bytes of all requests together
FIELD = "images"
"""Name of the form's field that holds pictures, and of the JSON's list of them."""


@dataclass(frozen=True)
class SentPicture:
    """A picture of a request.

    Attributes:
        name: Name as it was sent, which is never used as a path.
        content: Bytes of the file; empty where `error` says why there are none.
        error: Reason why it cannot be used; empty if it may be tried.

    Example:
        >>> SentPicture.of("a.jpg", b"").error
        'the file is empty'
    """

    name: str | None
    content: bytes
    error: str = ""

    @classmethod
    def of(cls, name: str | None, content: bytes) -> "SentPicture":
        """Take a picture within its limits."""
        name = name[:MAX_NAME] if name else None
        if not content:
            return cls(name, b"", "the file is empty")
        if len(content) > MAX_PICTURE:
            return cls(name, b"", f"too large: the limit is {MAX_PICTURE / 1e6:g} MB a picture")
        return cls(name, content)


class Bodies:
    """The bodies that are being received or worked on, bounded by their bytes together.

    Example:
        >>> Bodies().held
        0
    """

    def __init__(self) -> None:
        self.held = 0

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[Sequence[SentPicture]]:
        """Receive the pictures of a request; they count until the block is left.

        Args:
            request: Request with a form or JSON.

        Yields:
            The pictures in order, at least one.

        Raises:
            ServiceError: The body is of another type, is no such form or JSON, is too large, or
                too many others are held.
        """
        body = _Body(self, request)
        try:
            yield await _pictures(request, body)
        finally:
            self.held -= body.size


class _Body:
    """One body as it comes, counted."""

    def __init__(self, bodies: Bodies, request: Request) -> None:
        self._bodies = bodies
        self._request = request
        self.size = 0

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """Yield the parts. Raises ServiceError where too much is held."""
        try:
            async for part in self._request.stream():
                self._count(len(part))
                yield part
        except ClientDisconnect:
            raise ServiceError(
                Kind.BAD_REQUEST, "the request broke off, was too slow or too large"
            ) from None

    def _count(self, size: int) -> None:
        self.size += size
        self._bodies.held += size
        if self._bodies.held > _MAX_HELD:
            raise ServiceError(Kind.OVERLOADED, "too many bytes are being received: try again")


async def _pictures(request: Request, body: _Body) -> Sequence[SentPicture]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ServiceError(Kind.UNSUPPORTED_TYPE, "send the body without Content-Encoding")
    if kind == "multipart/form-data":
        return await _from_form(request, body)
    if kind == "application/json":
        content = b"".join([part async for part in body.parts()])
        return await asyncio.to_thread(_from_json, content)
    raise ServiceError(
        Kind.UNSUPPORTED_TYPE, "send pictures as multipart/form-data, or as application/json"
    )


class _InMemory(MultiPartParser):
    """Starlette's parser, which never writes what was sent to a temporary file."""

    spool_max_size = 0


async def _from_form(request: Request, body: _Body) -> Sequence[SentPicture]:
    parser = _InMemory(request.headers, body.parts(), max_files=MAX_PICTURES, max_fields=0)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        message = one_line(error, 200)
        if message.startswith("Too many fields"):
            message = f"only files are taken, in the field `{FIELD}`: curl -F {FIELD}=@photo.jpg"
        raise ServiceError(Kind.BAD_REQUEST, message) from None
    files = [(name, file) for name, file in form.multi_items() if isinstance(file, UploadFile)]
    if not files or any(name != FIELD for name, _ in files):
        raise ServiceError(
            Kind.BAD_REQUEST, f"send 1 to {MAX_PICTURES} files, all in the field `{FIELD}`"
        )
    return [SentPicture.of(file.filename, await file.read()) for _, file in files]


def _from_json(content: bytes) -> Sequence[SentPicture]:
    try:
        sent = FacesRequest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"][:4])) or "the body"
        raise ServiceError(Kind.BAD_REQUEST, one_line(f"{where}: {first['msg']}", 200)) from None
    return [_decoded(one.name, one.data) for one in sent.images]


def _decoded(name: str | None, data: str) -> SentPicture:
    try:
        return SentPicture.of(name, base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return SentPicture(name, b"", "this is no base64 (without a prefix such as data:)")
