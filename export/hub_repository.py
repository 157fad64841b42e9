"""Repositories on a hub: what is there, what would change, and the commit that changes it.

`pushed.json` in a repository says what the last push put there. By it a later push knows its own
files, and that nobody has edited them since: anything else is somebody's and is not replaced.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
    get_token,
    hf_hub_url,
    set_client_factory,
)
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import disable_progress_bars
from huggingface_hub.utils._http import default_client_factory
from huggingface_hub.utils.sha import git_hash
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.messages import one_line
from inference.bundle.hub_requests import (
    TIMEOUT,
    BusyError,
    MissingFileError,
    download,
    home,
    host,
    hub_errors,
)
from inference.errors import HubError

RECORD = "pushed.json"

Kind = Literal["model", "space"]

_LARGEST_RECORD = 1_000_000  # bytes
_MADE_BY_HUBS: dict[Kind, set[str]] = {
    "model": {".gitattributes"},
    "space": {".gitattributes", "README.md"},
}
"""What a new repository holds before anybody has put something there."""


class NoTokenError(RuntimeError):
    """There is no token to push with; the message says how to give one."""


class TakenError(RuntimeError):
    """A repository holds what somebody else has put there."""


class FileHash(BaseModel):
    """Hashes of a file by which hubs know it: one of those in git, one of those beside it.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "empty")
        >>> path.touch()
        >>> FileHash.of(path).git[:8]
        'e69de29b'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(description="SHA-256 of the content in hex")
    git: str = Field(description="Hash of the content as a blob of git, in hex")

    @classmethod
    def of(cls, path: Path) -> Self:
        """Hash a file. Raises OSError."""
        content = path.read_bytes()
        return cls(sha256=hashlib.sha256(content).hexdigest(), git=git_hash(content))

    def is_of(self, file: RepoFile) -> bool:
        """Whether a file on a hub has this content."""
        return file.lfs.sha256 == self.sha256 if file.lfs else file.blob_id == self.git


class PushRecord(BaseModel):
    """What a push has put into a repository."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    written_by: Literal["face-classifier push"] = "face-classifier push"
    files: dict[str, FileHash] = Field(description="Hashes of each file but the record, by name")


@dataclass(frozen=True)
class Content:
    """What a repository is to hold.

    Attributes:
        name: Repository, such as "ann/faces".
        kind: "model" or "space".
        files: Local file for each path in the repository.
    """

    name: str
    kind: Kind
    files: Mapping[str, Path]

    @property
    def url(self) -> str:
        """Address of the repository's page."""
        prefix = constants.REPO_TYPES_URL_PREFIXES.get(self.kind, "")
        return f"{home()}/{prefix}{self.name}"

    @property
    def size(self) -> int:
        """Number of bytes of all files."""
        return sum(path.stat().st_size for path in self.files.values())

    @cached_property
    def hashes(self) -> dict[str, FileHash]:
        """Hashes of the files by their paths in the repository."""
        return {name: FileHash.of(path) for name, path in sorted(self.files.items())}

    @property
    def record(self) -> bytes:
        """Content of the record that is put beside the files."""
        return PushRecord(files=self.hashes).model_dump_json(indent=1).encode()


@dataclass(frozen=True)
class Changes:
    """What a push does to a repository.

    Attributes:
        content: What it is to hold.
        parent: Commit that it holds now; None if there is no repository.
        added: Paths that are sent, sorted.
        deleted: Paths of an earlier push that are not among the files any more, sorted.
    """

    content: Content
    parent: str | None
    added: tuple[str, ...]
    deleted: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the repository holds all of it already."""
        return self.parent is not None and not self.added and not self.deleted


class Hub:
    """A hub, as the owner of a token.

    Args:
        api: Calls of the hub with the token.
    """

    def __init__(self, api: HfApi) -> None:
        self._api = api

    @classmethod
    def connected(cls) -> Self:
        """Log in with the token in HF_TOKEN or of `hf auth login`, and see that it may write.

        Raises:
            NoTokenError: There is none.
            HubError: The hub cannot be asked, or does not know the token, or lets it read only.
        """
        name, token = host(), get_token()
        if not token:
            raise NoTokenError(
                f"no token for {name}: set HF_TOKEN to one that may write, or log in by "
                "`hf auth login`"
            )
        set_client_factory(_client)
        if not sys.stderr.isatty():
            disable_progress_bars()
        api = HfApi(token=token)
        with hub_errors("login"):
            try:
                me = api.whoami()
            except HfHubHTTPError as error:
                if error.response.status_code != 401:
                    raise
                raise HubError(
                    f"{host()} does not know the token of HF_TOKEN or `hf auth login`: it is wrong "
                    "or has expired"
                ) from None
            if me["auth"].get("accessToken", {}).get("role") == "read":
                raise HubError(f"the token may only read at {host()}: make one that may write")
        return cls(api)

    def changes(self, content: Content, *, private: bool, force: bool) -> Changes:
        """Find out what a push would do.

        Args:
            content: What the repository is to hold.
            private: Whether nobody else may see it.
            force: Whether files of somebody else are replaced.

        Raises:
            TakenError: The repository holds what this program did not put there, or is public
                although it is to be private.
            HubError: The hub refuses, or cannot be asked.
        """
        name, kind = content.name, content.kind
        with hub_errors(f"{kind} {name}"):
            try:
                info = self._api.repo_info(name, repo_type=kind)
            except HfHubHTTPError as error:
                if error.response.status_code != 404:
                    raise
                return Changes(content, None, tuple(sorted(content.files)))
            commit = str(info.sha)
            tree = self._api.list_repo_tree(name, repo_type=kind, revision=commit, recursive=True)
            there = {file.path: file for file in tree if isinstance(file, RepoFile)}
        if private and not info.private:
            raise TakenError(
                f"{content.url} is public: make it private there first, or leave out --private"
            )
        known = self._record(content, commit).files if RECORD in there else None
        if not force:
            _refuse_foreign(content, there, known)
        return _difference(content, commit, there, known or {})

    def _record(self, content: Content, commit: str) -> PushRecord:
        """Read the record; one that is none is as good as an empty one."""
        text = bytearray()
        url = hf_hub_url(content.name, RECORD, repo_type=content.kind, revision=commit)
        try:
            download(url, f"{content.name}: {RECORD}", _LARGEST_RECORD, text.extend)
            return PushRecord.model_validate_json(bytes(text))
        except (MissingFileError, ValidationError):
            return PushRecord(files={})

    def push(self, changes: Changes, *, private: bool, message: str) -> str:
        """Make the repository if need be, and change it in one commit.

        Args:
            changes: What to change.
            private: Whether a new repository is private.
            message: Message of the commit.

        Returns:
            Hash of the commit.

        Raises:
            TakenError: Somebody has changed it in between.
            HubError: The hub refuses, or cannot be asked.
        """
        content = changes.content
        with hub_errors(f"{content.kind} {content.name}"):
            try:
                parent = changes.parent or self._create(content, private)
                done = self._api.create_commit(
                    content.name,
                    _operations(changes),
                    commit_message=message,
                    repo_type=content.kind,
                    parent_commit=parent,
                )
            except HfHubHTTPError as error:
                if error.response.status_code not in (409, 412):
                    raise
                raise TakenError(
                    f"{content.url} was changed by somebody at this moment: push again"
                ) from None
            except ValueError as error:
                if not str(error).startswith("Invalid metadata in README.md"):
                    raise
                raise HubError(
                    f"{host()} does not take the card (is --license one of its names?): "
                    f"{one_line(error, 300)}"
                ) from None
            except RuntimeError as error:  # of a thread that sends a file
                if isinstance(error.__cause__, Exception):
                    raise error.__cause__ from None
                raise
        return str(done.oid)

    def _create(self, content: Content, private: bool) -> str:
        """Make the repository and return its first commit."""
        sdk = "gradio" if content.kind == "space" else None
        self._api.create_repo(content.name, private=private, repo_type=content.kind, space_sdk=sdk)
        return str(self._api.repo_info(content.name, repo_type=content.kind).sha)


def _client() -> httpx2.Client:
    """Make a client that gives up where huggingface_hub would wait without an end."""
    client = default_client_factory()
    client.timeout = TIMEOUT
    client.event_hooks = {**client.event_hooks, "response": [_refuse_waiting]}
    return client


def _refuse_waiting(response: httpx2.Response) -> None:
    if response.status_code == 429:
        raise BusyError(response)


def _refuse_foreign(
    content: Content, there: Mapping[str, RepoFile], known: Mapping[str, FileHash] | None
) -> None:
    """Refuse to replace or delete what no push has put there as it is now."""
    if known is None:
        foreign = sorted(set(there) - _MADE_BY_HUBS[content.kind])
        if foreign:
            raise TakenError(
                f"{content.url} was not written by this program (it holds {foreign[0]}): choose "
                "another name, or --force replaces the files of the same names"
            )
        return
    for path, file in sorted(there.items()):
        new, old = content.hashes.get(path), known.get(path)
        if not (new or old) or (new and new.is_of(file)) or (old and old.is_of(file)):
            continue
        raise TakenError(
            f"{content.url}: {path} was changed there since the last push: save it, then --force "
            "replaces it"
        )


def _difference(
    content: Content, commit: str, there: Mapping[str, RepoFile], known: Mapping[str, FileHash]
) -> Changes:
    added = (
        path
        for path, hashed in content.hashes.items()
        if path not in there or not hashed.is_of(there[path])
    )
    deleted = sorted((set(known) - {*content.files, RECORD}) & set(there))
    return Changes(content, commit, tuple(added), tuple(deleted))


def _operations(changes: Changes) -> list[CommitOperationAdd | CommitOperationDelete]:
    content = changes.content
    record = CommitOperationAdd(RECORD, content.record)
    added = [CommitOperationAdd(path, content.files[path]) for path in changes.added]
    return [record, *added, *(CommitOperationDelete(path) for path in changes.deleted)]
