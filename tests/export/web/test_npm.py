import base64
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_page import serving

from export.web.npm import NpmError, NpmPackage, fetch, members


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


def of(content: bytes) -> NpmPackage:
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    return NpmPackage("tiny", "1.0.0", f"sha512-{digest}")


CONTENT = packed(index="export {};", other="// not asked for")
PACKAGE = of(CONTENT)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "registry" / "tiny" / "-" / PACKAGE.file
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    with serving(tmp_path / "registry") as url:
        yield url


def test_a_package_is_fetched_once(registry: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = fetch(PACKAGE, registry, cache)
    assert members(path, ["index"]) == {"index": b"export {};"}
    (tmp_path / "registry" / "tiny" / "-" / PACKAGE.file).unlink()
    assert fetch(PACKAGE, registry, cache) == path
    assert fetch(PACKAGE, "http://127.0.0.1:9/", cache) == path


def test_another_file_is_refused_and_not_kept(registry: str, tmp_path: Path) -> None:
    for package in (of(b"something else"), NpmPackage("tiny", "1.0.0", "sha512-")):
        with pytest.raises(NpmError, match=r"is not tiny 1\.0\.0 \(its SHA-512 differs\)"):
            fetch(package, registry, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_damaged_cache_is_fetched_again(registry: str, tmp_path: Path) -> None:
    (tmp_path / PACKAGE.file).write_bytes(CONTENT[:-9])
    assert fetch(PACKAGE, registry, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("registry", "reason"),
    [
        ("http://127.0.0.1:9/", "Connection refused"),
        ("file:///etc/", "a registry is an https:// address"),
        ("http://[/", "Invalid IPv6 URL"),
        ("http://127.0.0.1:x/", "nonnumeric port"),
    ],
)
def test_a_registry_that_cannot_be_reached_is_one_line(
    registry: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(NpmError, match="needed once: give a mirror by --registry") as error:
        fetch(PACKAGE, registry, tmp_path)
    assert reason in str(error.value) and "\n" not in str(error.value)
    assert str(tmp_path / PACKAGE.file) in str(error.value)


def test_a_package_that_is_not_there(registry: str, tmp_path: Path) -> None:
    with pytest.raises(NpmError, match="status 404"):
        fetch(NpmPackage("none", "1.0.0", "sha512-"), registry, tmp_path)


def test_only_plain_files_of_the_names_asked_for_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tgz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("package/index")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(NpmError, match="lacks index"):
        members(path, ["index"])
