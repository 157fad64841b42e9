"""Asking a Hugging Face style hub for files, with an end to what it may send, and its errors.

`huggingface_hub` knows the addresses, the token and the endpoint. Its own downloads are not used:
they believe the size that the server says and keep on writing, and wait minutes for a busy one.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers, get_session

from data.messages import one_line
from inference.errors import HubError, UnreachableError

TIMEOUT = httpx2.Timeout(30, connect=10)
"""Seconds that a hub may take to send or take the next piece, or to be connected to."""

_PIECE = 1 << 16  # bytes
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}|[0-9a-f:]{2,39}")
_OTHER_FORM = (AttributeError, KeyError, TypeError)  # of JSON, in huggingface_hub
_SAID = 200  # characters of what a server says


class MissingFileError(HubError):
    """A file that the repository does not have."""


class BusyError(Exception):
    """A response by which a hub asks for fewer requests, for `hub_errors`.

    Attributes:
        response: The response, of status 429.
    """

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__()
        self.response = response


def home() -> str:
    """Return the address of the hub that is asked (HF_ENDPOINT), without a login in it.

    Raises:
        HubError: HF_ENDPOINT is no address.

    Example:
        >>> home()
        'https://huggingface.co'
    """
    try:
        parts = urlsplit(constants.ENDPOINT)
        name, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        raise _no_address() from None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(name):
        raise _no_address()
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}{port}{parts.path}"


def host() -> str:
    """Name the hub that is asked.

    Raises:
        HubError: HF_ENDPOINT is no address.

    Example:
        >>> host()
        'huggingface.co'
    """
    return urlsplit(home()).netloc


def _no_address() -> HubError:
    return HubError("HF_ENDPOINT is no address of a hub: give one such as https://huggingface.co")


def download(url: str, what: str, most: int, write: Callable[[bytes], object]) -> str:
    """Fetch a file from the hub, piece by piece.

    A token of the user goes to the hub alone: where the hub sends us elsewhere, it stays behind.

    Args:
        url: Address of the file, as `huggingface_hub.hf_hub_url` makes it.
        what: Name of the file for messages.
        most: Largest number of bytes to take.
        write: Function that takes each piece.

    Returns:
        Hash of the commit that the file is from, 40 hexadecimal digits; empty if the server names
        none.

    Raises:
        MissingFileError: The repository has no such file.
        UnreachableError: The hub cannot be asked now.
        HubError: The hub refuses, or sends more than that.
    """
    headers = build_hf_headers() | {"accept-encoding": "identity"}  # sizes are those of the files
    size = 0
    with (
        hub_errors(what),
        get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as response,
    ):
        hops = (*response.history, response)
        _refuse_plain(hops, what)
        if response.is_error:
            raise refusal(response, what)
        if int(response.headers.get("content-length") or 0) > most:
            raise _too_large(what, most)
        for piece in response.iter_raw(_PIECE):
            size += len(piece)
            if size > most:
                raise _too_large(what, most)
            write(piece)
    commits = (hop.headers.get(constants.HUGGINGFACE_HEADER_X_REPO_COMMIT, "") for hop in hops)
    return next(filter(_COMMIT.fullmatch, commits), "")


def _refuse_plain(hops: tuple[httpx2.Response, ...], what: str) -> None:
    """Refuse a way that leaves HTTPS: anyone on it could read or change the file."""
    schemes = [hop.url.scheme for hop in hops]
    if schemes[0] == "https" and set(schemes) != {"https"}:
        raise HubError(f"{what}: {host()} leads to an address without HTTPS, which is not followed")


def _too_large(what: str, most: int) -> HubError:
    return HubError(f"{what}: {host()} sends more than the {most:,} bytes that it may have")


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn what goes wrong with a hub inside the block into one line.

    Args:
        what: What is asked for, which begins the message.

    Raises:
        UnreachableError: The hub cannot be asked now.
        HubError: It refuses, or its response is none of a hub.
    """
    try:
        yield
    except OfflineModeIsEnabled:
        raise UnreachableError(f"{what}: HF_HUB_OFFLINE is set, so no hub is asked") from None
    except (HfHubHTTPError, BusyError) as error:
        raise refusal(error.response, what) from None
    except httpx2.TimeoutException:
        raise UnreachableError(f"{what}: {host()} does not respond: try it again later") from None
    except httpx2.RemoteProtocolError:
        raise UnreachableError(f"{what}: {host()} broke off: try it again") from None
    except (httpx2.LocalProtocolError, UnicodeEncodeError):  # both may show the token
        raise HubError(
            f"{what}: the token has characters that no token has: look at HF_TOKEN"
        ) from None
    except httpx2.TransportError as error:
        reason = re.sub(r"^\[Errno -?\d+\] ", "", one_line(error, _SAID))
        raise UnreachableError(
            f"{what}: {host()} cannot be reached ({reason}): look at the network and HF_ENDPOINT"
        ) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, *_OTHER_FORM) as error:
        reason = _without_token(one_line(error, _SAID))
        raise HubError(f"{what}: {host()} responds as no hub does ({reason})") from None


def refusal(response: httpx2.Response, what: str) -> HubError:
    """Say in one line why a hub refused.

    Args:
        response: Response with a status of 400 or more.
        what: What was asked for, which begins the message.
    """
    status, code = response.status_code, response.headers.get("x-error-code", "")
    if status == 429:
        return UnreachableError(f"{what}: {host()} wants fewer requests: {_when(response)}")
    if status >= 500:
        return UnreachableError(f"{what}: {host()} fails (status {status}): try it again later")
    if code == "EntryNotFound":
        return MissingFileError(f"{what}: no such file at {host()}")
    if code == "RevisionNotFound":
        return HubError(f"{what}: {host()} has no such revision of it")
    if status in (401, 404) or code in ("RepoNotFound", "GatedRepo"):
        return HubError(
            f"{what}: not found at {host()}, or not open to you: set HF_TOKEN to a token that may "
            "read it, or log in by `hf auth login`"
        )
    if status == 403:
        return HubError(f"{what}: {host()} does not allow it{_said(response)}")
    return HubError(f"{what}: {host()} refuses it (status {status}){_said(response)}")


def _when(response: httpx2.Response) -> str:
    """When to ask again, of a response that says it in seconds."""
    limit = re.search(r"\bt=(\d{1,6})", response.headers.get("ratelimit", ""))
    seconds = limit[1] if limit else response.headers.get("retry-after", "")
    return f"try it again in {int(seconds)} s" if seconds.isdecimal() else "try it again later"


def _said(response: httpx2.Response) -> str:
    said = response.headers.get("x-error-message", "")
    return f": {_without_token(one_line(said, _SAID))}" if said else ""


def _without_token(text: str) -> str:
    """Hide the user's token in what a server says: it may repeat what it was sent."""
    token = get_token()
    return text.replace(token, "…") if token else text
