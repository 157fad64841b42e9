"""Bundles of a hub, from the side of who loads them and of who would harm them."""

import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import local_hub
import numpy as np
import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_hub import Handler, LocalHub

from inference import Classifier, HubError, whole_image
from inference.bundle import find, hub_requests, models_folder
from inference.bundle.hub import HubAddress
from inference.errors import UnreachableError

ADDRESS = "hf://ann/faces"
RED = np.full((16, 16, 3), (255, 0, 0), np.uint8)
LISTED = {"bundle.json", "model.onnx", "model.int8.onnx", "checks.png", "MODEL_CARD.md"}


@pytest.fixture
def files(models: Path) -> dict[str, bytes]:
    """What the repository holds: a bundle, and what nobody must fetch."""
    bundle = {path.name: path.read_bytes() for path in (models / "resnet50").iterdir()}
    return bundle | {"README.md": b"# Faces", "evil.py": b"raise SystemExit", "model.pkl": b"\x80"}


@pytest.fixture
def faces(hub: LocalHub, files: dict[str, bytes]) -> local_hub.Repository:
    return hub.add("models/ann/faces", files)


def cache() -> Path:
    return platformdirs.user_cache_path("face-classifier", appauthor=False) / "hub"


def kept() -> list[str]:
    """Names of the files that are kept of hubs, but locks."""
    return [path.name for path in cache().rglob("*") if path.is_file() and path.suffix != ".lock"]


def label(address: str = ADDRESS) -> str:
    [face] = Classifier.load(address, finder=whole_image).predict(RED)
    return face.label


def test_it_classifies_and_fetches_what_the_bundle_lists(
    hub: LocalHub, faces: local_hub.Repository
) -> None:
    assert label() == "man"
    fetched = {path.rpartition("/")[2] for path in hub.asked("/resolve/")}
    assert fetched == LISTED
    assert set(kept()) == {*LISTED, "index.json", "main.txt"}
    found = find(models_folder(ADDRESS))
    assert found.folder.name == "resnet50" and found.folder.parent.name == faces.commits[-1][0]
    assert found.card and "Model card of resnet50" in found.card


def test_a_second_time_only_asks_whether_there_is_a_new_one(
    hub: LocalHub, faces: local_hub.Repository, files: dict[str, bytes], models: Path
) -> None:
    first = models_folder(ADDRESS)
    hub.requests.clear()
    assert models_folder(ADDRESS) == first == models_folder(Path(ADDRESS))
    assert [path for _, path, _ in hub.requests] == ["/ann/faces/resolve/main/bundle.json"] * 2
    other = {path.name: path.read_bytes() for path in (models / "vgg16").iterdir()}
    faces.commit(other)
    assert label() == "woman"  # vgg16 answers the other way round
    assert label(f"{ADDRESS}@{first.name}") == "man"


def test_a_kept_commit_needs_no_hub(hub: LocalHub, faces: local_hub.Repository) -> None:
    address = f"{ADDRESS}@{faces.commits[-1][0]}"
    models_folder(address)
    hub.requests.clear()
    assert label(address) == "man" and not hub.requests


def test_without_a_network_the_kept_one_is_used_and_said(
    hub: LocalHub,
    faces: local_hub.Repository,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from huggingface_hub import constants

    models_folder(ADDRESS)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/{revision}/{filename}",
    )
    with caplog.at_level(logging.WARNING, "inference.bundle.hub"):
        assert label() == "man"
    [line] = caplog.messages
    assert (
        "cannot be reached" in line and f"the copy of {time.strftime('%Y-%m-%d')} is used" in line
    )
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=r"cannot be reached .*HF_ENDPOINT"):
        models_folder("hf://ann/others")
    assert time.monotonic() - started < 5


def test_a_damaged_copy_is_fetched_again(hub: LocalHub, faces: local_hub.Repository) -> None:
    folder = models_folder(ADDRESS)
    (folder / "resnet50" / "model.onnx").write_bytes(b"other")
    assert find(models_folder(ADDRESS)).verified("fp32").is_file()
    assert len(hub.asked("/model.onnx")) == 2


def body(status: int, content: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(status, content, **headers)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    try:
        for _ in range(2000):
            handler.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
    except OSError:
        handler.close_connection = True


def broken_off(handler: Handler) -> None:
    handler.send(200, b"some", Content_Length="5000000")
    handler.close_connection = True


def cut_off(handler: Handler) -> None:
    handler.send(200, b"some")


@pytest.mark.parametrize(
    ("file", "respond", "message"),
    [
        ("model.onnx", cut_off, r"model.onnx is cut off \(4 of [\d,]+ bytes\)"),
        ("model.onnx", broken_off, "sends more than"),
        ("model.onnx", endless, "sends more than the"),
        ("checks.png", broken_off, "broke off"),
        ("checks.png", cut_off, "not the file that was pushed"),
        ("checks.png", body(404, X_Error_Code="EntryNotFound"), "no such file"),
        ("MODEL_CARD.md", endless, "sends more than"),
        ("model.onnx", body(302, Location="file:///etc/passwd"), "cannot be reached"),
        ("model.onnx", body(302, Location="/ann/faces/resolve/main/model.onnx"), "no hub does"),
        ("model.onnx", body(200, Content_Length="many"), "broke off"),
        ("bundle.json", endless, "sends more than the 10,000,000 bytes"),
        ("bundle.json", body(200, b"{}", X_Repo_Commit="../../x"), "names no commit"),
        ("bundle.json", body(200, b"{}"), "names no commit"),
        ("bundle.json", body(404, X_Error_Code="EntryNotFound"), "not written by"),
        ("bundle.json", body(404, X_Error_Code="RepoNotFound"), "not found at .*HF_TOKEN"),
        ("bundle.json", body(404, X_Error_Code="RevisionNotFound"), "no such revision"),
        ("bundle.json", body(500), r"fails \(status 500\)"),
        ("bundle.json", body(429, Retry_After="300"), "fewer requests: try it again in 300 s"),
        ("bundle.json", body(429, ratelimit='"api";r=0;t=55'), "try it again in 55 s"),
        ("bundle.json", body(418), r"refuses it \(status 418\)"),
    ],
)
def test_a_hostile_or_broken_server_leaves_nothing_but_a_line(
    file: str,
    respond: Callable[[Handler], None],
    message: str,
    hub: LocalHub,
    faces: local_hub.Repository,
) -> None:
    def misbehave(handler: Handler) -> bool:
        if file in handler.path:
            respond(handler)
            return True
        return False

    hub.misbehave = misbehave
    started = time.monotonic()
    with pytest.raises(HubError, match=message) as caught:
        models_folder(ADDRESS)
    assert time.monotonic() - started < 5
    assert str(caught.value).startswith(ADDRESS) and "\n" not in str(caught.value)
    assert kept() == []


def test_another_file_of_the_same_size_is_refused(hub: LocalHub, files: dict[str, bytes]) -> None:
    changed = bytearray(files["model.onnx"])
    changed[100] ^= 1
    hub.add("models/ann/faces", files | {"model.onnx": bytes(changed)})
    with pytest.raises(HubError, match=r"model\.onnx is not the file that was pushed"):
        models_folder(ADDRESS)
    assert kept() == []


def hostile(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda info: info["formats"]["fp32"].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (hostile(file="../../model.onnx"), "formats.fp32.file"),
        (hostile(file="/etc/passwd"), "formats.fp32.file"),
        (hostile(file=".bashrc"), "formats.fp32.file"),
        (hostile(file="bundle.json"), "two files the same name"),
        (hostile(file="MODEL.int8.onnx"), "two files the same name"),
        (hostile(file="model_card.MD"), "two files the same name"),
        (hostile(bytes=10**15), "1,000,000,000,000,000 bytes, which no ONNX file has"),
        (hostile(bytes=-1), "which no ONNX file has"),
        (lambda info: info.update(backbone="../../../bin"), "backbone"),
        (lambda info: info["checks"].update(file="../x"), "checks.file"),
        (lambda info: info.update(formats={}), "no ONNX model"),
        (lambda info: info.update(schema_version=99), "schema version 99"),
        (lambda info: info.update(code="import os"), "code: Extra inputs"),
    ],
)
def test_a_hostile_bundle_is_refused_before_anything_of_it_is_used(
    change: Callable[[dict[str, Any]], None],
    message: str,
    hub: LocalHub,
    files: dict[str, bytes],
) -> None:
    info = json.loads(files["bundle.json"])
    change(info)
    hub.add("models/ann/faces", files | {"bundle.json": json.dumps(info).encode()})
    with pytest.raises(HubError, match=message) as caught:
        models_folder(ADDRESS)
    assert "make export" not in str(caught.value)
    assert kept() == [] and len(hub.asked("/resolve/")) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b"GIF89a"])
def test_what_is_no_json_is_refused(content: bytes, hub: LocalHub) -> None:
    hub.add("models/ann/faces", {"bundle.json": content})
    with pytest.raises(HubError, match=f"{ADDRESS} has no bundle that can be used"):
        models_folder(ADDRESS)


def test_a_token_goes_to_the_hub_alone(
    hub: LocalHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("models/ann/faces", files, private=True)
    with pytest.raises(HubError, match="not open to you: set HF_TOKEN"):
        models_folder(ADDRESS)
    monkeypatch.setenv("HF_TOKEN", local_hub.READER)
    with local_hub.running() as elsewhere:
        for content in files.values():
            elsewhere.stored[hashlib.sha256(content).hexdigest()] = content

        def misbehave(handler: Handler) -> bool:
            name = handler.path.rpartition("/")[2]
            if name == "bundle.json":
                return False
            place = f"{elsewhere.url}/stored/{hashlib.sha256(files[name]).hexdigest()}"
            handler.send(302, Location=place)
            return True

        hub.misbehave = misbehave
        assert label() == "man"
        assert {token for _, _, token in hub.requests[1:]} == {f"Bearer {local_hub.READER}"}
        assert elsewhere.requests and {token for _, _, token in elsewhere.requests} == {""}


def test_a_token_that_a_server_repeats_is_not_shown(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    def misbehave(handler: Handler) -> bool:
        handler.refuse(403, message=f"{handler.token}\x1b[2J may not")
        return True

    hub.misbehave = misbehave
    with pytest.raises(HubError, match=r"does not allow it: ….* may not") as caught:
        models_folder(ADDRESS)
    assert "hf_secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["hf_\x0bsecret", "hf_sécret"])
def test_a_token_that_cannot_be_sent_is_not_shown(
    token: str, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match="look at HF_TOKEN") as caught:
        models_folder(ADDRESS)
    assert "cret" not in str(caught.value)


def test_a_way_out_of_https_is_not_followed() -> None:
    hops = [
        httpx2.Response(200, request=httpx2.Request("GET", url))
        for url in ("https://a", "http://a")
    ]
    with pytest.raises(HubError, match="without HTTPS"):
        hub_requests._refuse_plain(tuple(hops), ADDRESS)
    hub_requests._refuse_plain(tuple(hops[:1]), ADDRESS)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "garbage",
        "../../x",
        "http://",
        "http://..",
        "http://[::1",
        "http://a:99999",
        "file:///etc",
    ],
)
def test_an_endpoint_that_is_none_is_said(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_requests.constants, "ENDPOINT", endpoint)
    with pytest.raises(HubError, match="HF_ENDPOINT is no address of a hub"):
        models_folder(ADDRESS)


def test_a_login_in_the_endpoint_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_requests.constants, "ENDPOINT", "https://me:secret@hub.lan:8443/hf")
    assert hub_requests.home() == "https://hub.lan:8443/hf"
    assert hub_requests.host() == "hub.lan:8443"


@pytest.mark.parametrize(
    "text",
    [
        "hf://", "hf://faces", "hf://ann/", "hf://ann/faces/bundle.json", "hf://datasets/ann/faces",
        "hf://spaces/ann/faces", "hf://../faces", "hf://ann/..", "hf://ann/fa ces", "hf://ann/faces@",
        "hf://ann/faces@..", "hf://ann/faces@a/../../b", "hf://ann/faces@-x", "hf://ann/faces@a b",
        "hf://ann/faces?x=1", "hf://ann/faces#x", "hf://ann/faces@v\n1", f"hf://ann/{'a' * 200}",
        "hf://user:password@host/faces", "hf://ann/faces@%2e%2e%2f",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_model_is_refused(text: str) -> None:
    with pytest.raises(HubError, match="is no address of a model: write hf://user/model"):
        models_folder(text)


@settings(max_examples=50)
@given(
    st.text(max_size=40).map("hf://ann/faces".__add__) | st.text(max_size=40).map("hf://".__add__)
)
def test_an_address_is_refused_or_stays_in_its_folder(text: str) -> None:
    try:
        address = HubAddress.parse(text)
    except HubError:
        return
    owner, name = address.repository.split("/")
    assert owner not in ("", ".", "..") and name not in ("", ".", "..")
    assert ".." not in address.revision and not address.revision.startswith("/")
    assert HubAddress.parse(str(address)) == address or "/" in address.revision


def test_predict_takes_an_address_and_honors_hf_endpoint(
    hub: LocalHub, faces: local_hub.Repository, tmp_path: Path, draw: Callable[..., Path]
) -> None:
    command = ["predict", draw("red.png", "red"), "--aligned", "--models", ADDRESS, "--csv", "-"]

    def predict(endpoint: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "inference", *command],
            env={**os.environ, "HF_ENDPOINT": endpoint},
            capture_output=True,
            text=True,
            check=False,
        )

    online, offline = predict(hub.url), predict("http://127.0.0.1:9")
    assert online.returncode == 0 and online.stdout.splitlines()[1].split(",")[-2] == "man"
    assert offline.returncode == 2 and not offline.stdout
    assert offline.stderr.startswith(f"error: {ADDRESS}: 127.0.0.1:9 cannot be reached")
    assert offline.stderr.count("\n") == 1
