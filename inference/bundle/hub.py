"""Bundles on a Hugging Face style hub: `hf://user/model` in place of a models folder.

What a repository holds is hostile until it fits the bundle's schema and the SHA-256 in it. Nothing
but the files that `bundle.json` lists is fetched, into the user's cache folder, where each commit
becomes a models folder of one bundle.
"""

import hashlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import platformdirs

from data.atomic import remove_leftovers, replacing_folder, write_text
from data.locks import alone
from data.messages import one_line
from data.progress import progress
from inference.bundle.schema import EXPORT_AGAIN, BundleInfo
from inference.bundle.store import (
    CARD_FILE,
    INFO_FILE,
    LARGEST_CHECKS,
    LARGEST_JSON,
    find,
    info_from,
    read_index,
    write_index,
)
from inference.errors import BundleError, HubError, UnreachableError

if TYPE_CHECKING:
    from huggingface_hub import HfUri

_PREFIX = re.compile(r"hf:/+")  # a `Path` of hf://user/model has one slash left
_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LARGEST_MODEL = 2**31  # bytes; no ONNX file of one part is larger
_LARGEST_CARD = 2_000_000  # bytes
_MAIN = "main"

_log = logging.getLogger(__name__)


def models_folder(models: PathLike[str] | str) -> Path:
    """Return the folder of exported models that is meant: the path itself, or what a hub has.

    Args:
        models: Folder that `make export` wrote, or `hf://user/model` or `hf://user/model@revision`
            for a bundle that was pushed to a hub. It is fetched once, checked, and kept in the
            user's cache folder; without a network the kept one is used, with a warning in the log.

    Raises:
        HubError: The address is none, or the hub has no bundle there that can be trusted.
        UnreachableError: The hub cannot be asked now, and nothing of it is kept.
        OSError: The cache cannot be written.

    Example:
        >>> models_folder("artifacts/models")
        PosixPath('artifacts/models')
        >>> models_folder("hf://faces")
        Traceback (most recent call last):
        inference.errors.HubError: 'hf://faces' is no address of a model: write hf://user/model...
    """
    text = os.fspath(models)
    if not _PREFIX.match(text):
        return Path(text)
    return _fetched(HubAddress.parse(text))


@dataclass(frozen=True)
class HubAddress:
    """Where a bundle lies on a hub.

    Attributes:
        repository: User or organization and name, such as "ann/faces".
        revision: Branch, tag or commit.

    Example:
        >>> print(HubAddress.parse("hf://ann/faces@v1"))
        hf://ann/faces@v1
    """

    repository: str
    revision: str = _MAIN

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address.

        Args:
            text: Address such as "hf://ann/faces" or "hf://ann/faces@v1".

        Raises:
            HubError: It is no address of a model.
        """
        uri = _uri(_PREFIX.sub("hf://", text, count=1))
        if uri is None or uri.type != "model" or uri.path_in_repo:
            raise HubError(
                f"{one_line(repr(text), 120)} is no address of a model: write hf://user/model or "
                "hf://user/model@revision"
            )
        return cls(uri.id, uri.revision or _MAIN)

    def __str__(self) -> str:
        revision = "" if self.revision == _MAIN else f"@{self.revision}"
        return f"hf://{self.repository}{revision}"

    def url(self, file: str, revision: str) -> str:
        """Return where a file of the repository is fetched from."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self.repository, file, revision=revision)


def _uri(text: str) -> "HfUri | None":
    # Half a second to import, which a local folder does not need.
    from huggingface_hub import parse_hf_uri
    from huggingface_hub.errors import HfUriError

    try:
        uri = parse_hf_uri(text)
    except HfUriError:
        return None
    return uri if uri.revision is None or _REVISION.fullmatch(uri.revision) else None


@dataclass(frozen=True)
class _Kept:
    """What the user's cache keeps of a repository: a models folder a commit, and which was last.

    Attributes:
        folder: Folder of the repository in the cache.
        revision: Revision that is asked for.
    """

    folder: Path
    revision: str

    @classmethod
    def of(cls, address: HubAddress) -> Self:
        from inference.bundle.hub_requests import host

        cache = platformdirs.user_cache_path("face-classifier", appauthor=False) / "hub"
        name = address.repository.replace("/", "--")  # which no name of a repository has
        return cls(cache / re.sub(r"[:\[\]]", "_", host()) / name, address.revision)

    @property
    def _last(self) -> Path:
        return self.folder / "revisions" / f"{quote(self.revision, safe='')}.txt"

    def last(self) -> Path | None:
        """The models folder of the revision as it was last seen, if it is whole."""
        try:
            commit = self._last.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        if not _COMMIT.fullmatch(commit):
            return None
        folder = self.folder / commit
        return folder if _is_whole(folder) else None

    def seen(self) -> str:
        """The day on which the revision was last seen."""
        return f"{datetime.fromtimestamp(self._last.stat().st_mtime):%Y-%m-%d}"

    def remember(self, commit: str) -> None:
        """Note at which commit the revision is now."""
        write_text(self._last, commit + "\n")


def _fetched(address: HubAddress) -> Path:
    kept = _Kept.of(address)
    last = kept.last()
    if last and last.name == address.revision:  # a commit never changes
        return last
    with alone(kept.folder / "bundle"):
        try:
            commit, content = _ask(address)
            folder = kept.folder / commit
            if folder != last and not _is_whole(folder):
                _fetch(address, commit, content, folder)
        except UnreachableError as error:
            if last is None:
                raise
            _log.warning("%s; the copy of %s is used", error, kept.seen())
            return last
        kept.remember(commit)
    return folder


def _ask(address: HubAddress) -> tuple[str, bytes]:
    """Return the commit of a revision and its `bundle.json`."""
    from inference.bundle.hub_requests import MissingFileError, download, host

    content = bytearray()
    url = address.url(INFO_FILE, address.revision)
    try:
        commit = download(url, str(address), LARGEST_JSON, content.extend)
    except MissingFileError:
        raise HubError(
            f"{address} has no {INFO_FILE}: it was not written by `face-classifier push`"
        ) from None
    if not commit:
        raise HubError(f"{address}: {host()} responds as no hub does: it names no commit")
    return commit, bytes(content)


def _is_whole(models: Path) -> bool:
    """Whether a kept models folder has all that its bundle lists, unchanged."""
    try:
        bundle = find(models, read_index(models).champion)
        for form in bundle.precisions():
            bundle.verified(form)
    except BundleError:
        return False
    return True


@dataclass(frozen=True)
class _Wanted:
    """A file to fetch.

    Attributes:
        name: Name in the repository and in the bundle.
        most: Largest number of bytes that it may have.
        sha256: SHA-256 in hex; None if the bundle lists none.
        size: Number of bytes that it must have; None if the bundle lists none.
    """

    name: str
    most: int
    sha256: str | None = None
    size: int | None = None


def _fetch(address: HubAddress, commit: str, content: bytes, folder: Path) -> None:
    """Write a models folder with the one bundle of a commit, or nothing."""
    info = _checked_info(address, content)
    files = _wanted(address, info)
    remove_leftovers(folder.parent)
    done, total = 0, sum(file.size or 0 for file in files)
    with replacing_folder(folder) as new, progress(f"fetching {address}, kB") as update:

        def advance(size: int) -> None:
            update(min(done + size, total) // 1000, total // 1000)

        target = new / info.backbone
        target.mkdir()
        (target / INFO_FILE).write_bytes(content)
        for file in files:
            done += _fetch_file(address, commit, file, target, advance)
        write_index(new, info.backbone, [info.backbone])


def _checked_info(address: HubAddress, content: bytes) -> BundleInfo:
    try:
        return info_from(content, Path(INFO_FILE))
    except BundleError as error:
        said = re.sub(rf"[:;] {re.escape(EXPORT_AGAIN)}$", "", str(error))
        raise HubError(f"{address} has no bundle that can be used: {said}") from None


def _wanted(address: HubAddress, info: BundleInfo) -> list[_Wanted]:
    """The files that a bundle is served by, their names and sizes checked."""
    models = [info.formats[form] for form in ("fp32", "int8") if form in info.formats]
    served = [model for model in models if model.passed]
    for model in served:
        if not 0 < model.bytes <= _LARGEST_MODEL:
            raise HubError(
                f"{address}: {INFO_FILE} says that {model.file} has {model.bytes:,} bytes, which "
                "no ONNX file has"
            )
    files = [_Wanted(one.file, one.bytes, one.sha256, one.bytes) for one in served]
    if not files:
        raise HubError(f"{address} has no ONNX model that may be served")
    if info.checks:
        files.append(_Wanted(info.checks.file, LARGEST_CHECKS, info.checks.sha256))
    files.append(_Wanted(CARD_FILE, _LARGEST_CARD))
    names = [name.casefold() for name in (INFO_FILE, *(file.name for file in files))]
    if len(set(names)) < len(names):
        raise HubError(f"{address}: {INFO_FILE} gives two files the same name")
    return files


def _fetch_file(
    address: HubAddress,
    commit: str,
    file: _Wanted,
    folder: Path,
    advance: Callable[[int], None],
) -> int:
    """Fetch a file and check it; return its number of bytes. A missing card is no error."""
    from inference.bundle.hub_requests import MissingFileError, download

    what, path = f"{address}: {file.name}", folder / file.name
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as stream:

        def write(piece: bytes) -> None:
            nonlocal size
            size += stream.write(piece)
            digest.update(piece)
            advance(size)

        try:
            download(address.url(file.name, commit), what, file.most, write)
        except MissingFileError:
            if file.sha256:
                raise
            path.unlink()
    if file.size is not None and size < file.size:
        raise HubError(
            f"{what} is cut off ({size:,} of {file.size:,} bytes): nothing of it is kept"
        )
    if file.sha256 and digest.hexdigest() != file.sha256:
        raise HubError(f"{what} is not the file that was pushed (its SHA-256 differs)")
    return size
