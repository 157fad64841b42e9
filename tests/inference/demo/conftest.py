import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_server import Server, Visitor, running
from gradio_client import Client
from PIL import Image
from tiny_bundles import SEVERAL, add_bundle, add_models

from data import Label
from inference import bundle

ENVIRONMENT = {  # what other programs set: conda the first, administrators the others
    "HOST": "x86_64-conda-linux-gnu",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "all_proxy": "http://127.0.0.1:9",
}
HURRY = (
    "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "  # as nohup does
    "import inference.demo.app as app, inference.demo.guards.uploads as uploads; "
    "import inference.demo.guards.logins as logins; "
    "import inference.served.guards.connections as connections; "
    "app.SECONDS_BETWEEN_SWEEPS = 0.2; uploads._SLACK = 0.1; "
    "logins.SECONDS_OF_DELAY = (0.3, 1.0); connections.SECONDS_FOR_HEAD = 1"
)


RACE = Label(name="race", classes=("one", "two", "three"))
HOSTILE_NAMES = (
    "<img src=x onerror=alert(1)>",
    "</td></table><script>alert(1)</script>",
    '" onload="alert(1)',
    "${alert(1)} {{alert(1)}}",
    "=HYPERLINK(1)",
    "שלום עולם",
    "😀",
    "x" * 80,
)


@pytest.fixture(scope="session")
def models_of_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The champion `many` has a hundred classes, `several` several labels, `origin` race alone."""
    hostile = Label(
        name=HOSTILE_NAMES[0], classes=(*HOSTILE_NAMES, *(f"class {n}" for n in range(92)))
    )
    folder = tmp_path_factory.mktemp("labels")
    models, workshop = folder / "models", folder / "workshop"
    labels = {"many": [hostile], "several": [*SEVERAL, RACE], "origin": [RACE]}
    for name, of in labels.items():
        add_bundle(models, workshop, name, 0.1, of)
    bundle.write_index(models, "many", list(labels))
    return models


@pytest.fixture(scope="session")
def labels_server(models_of_labels: Path) -> Iterator[Server]:
    """A server of models of other labels than gender."""
    with running(models_of_labels, models_of_labels.with_name("temp"), **ENVIRONMENT) as server:
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that everybody may use; nothing in its log may be a traceback or a path."""
    folder = tmp_path_factory.mktemp("demo")
    with running(add_models(folder), folder / "temp", **ENVIRONMENT) as server:
        yield server
    log = server.log.read_text()
    assert "site-packages" not in log, log
    assert str(folder) not in log


@pytest.fixture(scope="session")
def hurried_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a login, which waits for seconds where others wait for minutes."""
    folder = tmp_path_factory.mktemp("hurried")
    login = {"DEMO_USER": "me", "DEMO_PASSWORD": "secret", "ALLOWED_HOSTS": "faces.example.org"}
    with running(add_models(folder), folder / "temp", HURRY, DEMO_HOST="0.0.0.0", **login) as one:
        yield one


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


@pytest.fixture(scope="session")
def visitor(server: Server) -> Visitor:
    return Visitor(server)


@pytest.fixture
def hostile_pictures(
    visitor: Visitor, draw: Callable[..., Path], tmp_path: Path
) -> dict[str, dict[str, Any] | list[str] | str | int]:
    """Payloads that name something else than an upload, by what is tried."""
    uploads = Path(visitor.upload(draw("mine.png", "red"))).parents[1]
    photo, text = tmp_path / "photo.jpg", tmp_path / "text.txt"
    Image.new("RGB", (60, 60), "red").save(photo)
    text.write_text("hello")
    for name, target in {"link.jpg": photo, "folder": tmp_path, "loop": uploads / "loop"}.items():
        (uploads / name).unlink(missing_ok=True)
        (uploads / name).symlink_to(target)
    meta = {"meta": {"_type": "gradio.FileData"}}
    data = f"data:image/png;base64,{b64encode(photo.read_bytes()).decode()}"
    paths = {
        "a picture": photo,
        "a text": text,
        "nothing": tmp_path / "nothing.jpg",
        "a folder": tmp_path,
        "the uploads": uploads,
        "a link": uploads / "link.jpg",
        "below a link": uploads / "folder" / "photo.jpg",
        "a loop": uploads / "loop",
        "dots": f"{uploads}/../../../{photo.relative_to(tmp_path.parent)}",
        "relative": os.path.relpath(photo, Path.cwd()),
        "a device": "/dev/zero",
        "a URL": "http://127.0.0.1:9/photo.jpg",
        "a file URL": photo.as_uri(),
        "base64": data,
        "null": "\0",
        "half a character": "\ud800",
        "empty": "",
    }
    with_meta = ("a picture", "a link", "dots", "a URL")
    return (
        {name: {"path": str(path)} for name, path in paths.items()}
        | {f"{name} with meta": {"path": str(paths[name])} | meta for name in with_meta}
        | {"url alone": {"url": str(photo)}, "url of base64": {"url": data} | meta}
        | {"text": str(photo), "base64 text": data, "number": 3, "path of path": {"path": {}}}
        | {"no path": {}, "list": [str(photo)], "nested": {"path": {"path": str(photo)}}}
    )
