"""A package of the npm registry, fetched without npm: one file over HTTPS, known by its hash."""

import base64
import hashlib
import http.client
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.atomic import replacing
from data.messages import one_line
from data.progress import ProgressCallback, progress

REGISTRY = "https://registry.npmjs.org"
"""The public registry; others serve the same files under the same paths."""

_TIMEOUT = 30.0  # seconds without a byte
_PIECE = 1 << 20
_LARGEST = 200_000_000  # bytes of a package
_MB = 1_000_000


class NpmError(RuntimeError):
    """A package cannot be fetched, or is not the one that was asked for; the message says why."""


@dataclass(frozen=True)
class NpmPackage:
    """One version of a package.

    Attributes:
        name: Name of the package, without a scope.
        version: Version, such as "1.30.0".
        integrity: SHA-512 of its file as npm writes it: "sha512-" and base64.

    Example:
        >>> package = NpmPackage("left-pad", "1.3.0", "sha512-XI5M…")
        >>> package.file, package.url("https://registry.npmjs.org/")
        ('left-pad-1.3.0.tgz', 'https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz')
    """

    name: str
    version: str
    integrity: str

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}-{self.version}.tgz"

    def url(self, registry: str) -> str:
        """Return where a registry has its file."""
        return f"{registry.rstrip('/')}/{self.name}/-/{self.file}"


def fetch(package: NpmPackage, registry: str, cache: Path) -> Path:
    """Return the path of a package's file, which is fetched if the cache lacks it.

    Args:
        package: The package.
        registry: URL of the registry.
        cache: Folder that keeps the file for the next time.

    Raises:
        NpmError: The registry cannot be reached, or what it has is not the package.

    Example:
        >>> import tempfile
        >>> nothing = base64.b64encode(hashlib.sha512(b"").digest()).decode()
        >>> package = NpmPackage("left-pad", "1.3.0", f"sha512-{nothing}")
        >>> cache = Path(tempfile.mkdtemp())
        >>> (cache / package.file).touch()  # was fetched before
        >>> fetch(package, "https://registry.invalid", cache).name
        'left-pad-1.3.0.tgz'
    """
    path = cache / package.file
    if path.is_file() and _integrity(path) == package.integrity:
        return path
    url = package.url(registry)
    with replacing(path) as new:
        try:
            _download(url, new, f"fetching {package.name} (MB)")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NpmError(
                f"{url} could not be fetched: {_reason(error)}; it is needed once: give a mirror "
                f"by --registry, or put the file at {path}"
            ) from None
        if _integrity(new) != package.integrity:
            raise NpmError(f"{url} is not {package.name} {package.version} (its SHA-512 differs)")
    return path


def members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read some files of a package.

    Args:
        path: File of the package, as `fetch` returns it.
        names: Paths inside the package, such as "package.json".

    Raises:
        NpmError: The package lacks one of them.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "index.js").write_text("// nothing")
        >>> with tarfile.open(folder / "left-pad-1.3.0.tgz", "w:gz") as archive:
        ...     archive.add(folder / "index.js", "package/index.js")
        >>> members(folder / "left-pad-1.3.0.tgz", ["index.js"])
        {'index.js': b'// nothing'}
    """
    wanted = {f"package/{name}": name for name in names}
    with tarfile.open(path, "r:gz") as archive:
        found = {
            wanted[entry.name]: stream.read()
            for entry in archive
            if entry.name in wanted and entry.isfile() and (stream := archive.extractfile(entry))
        }
    if missing := set(names) - set(found):
        raise NpmError(f"{path} lacks {min(missing)}")
    return found


def _integrity(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


def _download(url: str, path: Path, title: str) -> None:
    if not url.startswith(("https://", "http://")):
        raise ValueError("a registry is an https:// address")
    request = urllib.request.Request(url, headers={"User-Agent": "face-classifier"})
    with (
        urllib.request.urlopen(request, timeout=_TIMEOUT) as answer,
        path.open("wb") as stream,
        progress(title) as update,
    ):
        for piece in _pieces(answer, update):
            stream.write(piece)


def _pieces(answer: http.client.HTTPResponse, update: ProgressCallback) -> Iterator[bytes]:
    total, done = answer.length or 0, 0
    while piece := answer.read(_PIECE):
        done += len(piece)
        if done > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST // _MB} MB")
        update(done // _MB, max(done, total) // _MB)
        yield piece


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"status {error.code}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return one_line(getattr(error, "reason", error), 120)
