import base64
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from web_page import lone_chromium, serving

from export.web import folder as web_folder
from export.web.npm import REGISTRY, NpmError, NpmPackage, fetch, members

_AXE = NpmPackage(
    "axe-core",
    "4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
_NEEDS = "needs the npm registry, or NPM_CONFIG_REGISTRY=<a mirror>"


def _registry() -> str:
    return os.environ.get("NPM_CONFIG_REGISTRY", REGISTRY)


@pytest.fixture
def tiny_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A registry whose onnxruntime-web holds no more than the names of its files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in web_folder._MEMBERS:
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    digest = base64.b64encode(hashlib.sha512(content.getvalue()).digest()).decode()
    version = f"0.0.{time.time_ns()}"  # which no test before has left in the cache
    package = NpmPackage("onnxruntime-web", version, f"sha512-{digest}")
    monkeypatch.setattr(web_folder, "ONNXRUNTIME", package)
    path = tmp_path / "registry" / package.name / "-" / package.file
    path.parent.mkdir(parents=True)
    path.write_bytes(content.getvalue())
    with serving(tmp_path / "registry") as url:
        yield url


@pytest.fixture(scope="session")
def write_page() -> Callable[[Path, Path], Path]:
    """Write the page of a models folder with the onnxruntime-web of the npm registry."""

    def write(models: Path, folder: Path) -> Path:
        try:
            web_folder.write(models, folder, _registry())
        except NpmError as error:
            pytest.skip(f"{_NEEDS}: {error}")
        return folder

    return write


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker of accessibility, from the npm registry."""
    try:
        path = fetch(_AXE, _registry(), tmp_path_factory.mktemp("npm"))
    except NpmError as error:
        pytest.skip(f"{_NEEDS}: {error}")
    return members(path, ["axe.min.js"])["axe.min.js"].decode()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with lone_chromium() as browser:
        yield browser


@pytest.fixture
def real_photos() -> Path:
    """The folder of photos that the environment hands in."""
    return _folder("PHOTOS")


@pytest.fixture
def real_models() -> Path:
    """The folder of exported models that the environment hands in."""
    return _folder("MODELS")


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} names no folder here")
    return Path(value)
