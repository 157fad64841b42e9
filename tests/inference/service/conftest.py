from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from service_client import as_bytes, service_of
from starlette.testclient import TestClient
from tiny_bundles import add_models


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_models(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="session")
def service(exported: Path) -> Iterator[TestClient]:
    with service_of(exported) as client:
        yield client


@pytest.fixture(scope="session")
def crowd(group: Image.Image) -> bytes:
    """Six faces."""
    return as_bytes(group, "JPEG")


@pytest.fixture(scope="session")
def red(portraits: list[Image.Image]) -> bytes:
    """One face, a man's to the champion."""
    picture = Image.new("RGB", (400, 400), "red")
    face = portraits[0].convert("L").convert("RGB")
    picture.paste(Image.blend(face, Image.new("RGB", face.size, "red"), 0.3), (111, 91))
    return as_bytes(picture)
