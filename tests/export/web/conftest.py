import base64
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from web_page import chromium, serving

from export.web import folder as web_folder
from export.web.npm import REGISTRY, NpmError, NpmPackage


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
    package = NpmPackage("onnxruntime-web", "0.0.1", f"sha512-{digest}")
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
            web_folder.write(models, folder, os.environ.get("NPM_CONFIG_REGISTRY", REGISTRY))
        except NpmError as error:
            pytest.skip(f"needs the npm registry, or NPM_CONFIG_REGISTRY=<a mirror>: {error}")
        return folder

    return write


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as browser:
        yield browser
