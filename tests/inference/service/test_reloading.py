"""New models take the place of the old ones while the service runs."""

import shutil
import time
from pathlib import Path

import pytest
from service_client import form, running, service_of
from starlette.testclient import TestClient
from tiny_bundles import add_bundle, add_models

from data.atomic import write_text
from inference import bundle
from inference.service import reloading


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(reloading, "SECONDS_BETWEEN_LOOKS", 0.05)
    with service_of(add_models(tmp_path)) as client:
        yield client


def reloads(client: TestClient, outcome: str) -> bool:
    return f'reloads_total{{outcome="{outcome}"}}' in client.get("/metrics").text


def wait_for(client: TestClient, outcome: str) -> None:
    deadline = time.monotonic() + 60
    while not reloads(client, outcome):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_new_champion_answers_without_a_restart(
    client: TestClient, tmp_path: Path, red: bytes, capsys: pytest.CaptureFixture
) -> None:
    sent = form(("a", red))
    before = client.post("/v1/faces", files=sent).json()
    add_bundle(tmp_path / "models", tmp_path / "workshop", "new", -0.1)
    assert client.post("/v1/faces", files=sent).json()["model"] == before["model"]
    bundle.write_index(tmp_path / "models", "new", ["new", "vgg16"])
    wait_for(client, "taken")
    after = client.post("/v1/faces", files=sent).json()
    assert (before["model"]["name"], after["model"]["name"]) == ("resnet50", "new")
    assert after["model"]["sha256"] == bundle.digest(tmp_path / "models/new/model.int8.onnx")
    decisions = [one["images"][0]["faces"][0]["predictions"][0] for one in (before, after)]
    assert [one["decision"] for one in decisions] == ["man", "woman"]
    assert [one["name"] for one in client.get("/v1/models").json()["models"]] == ["new", "vgg16"]
    assert capsys.readouterr().err.count("new models are served: new, vgg16\n") == 1


@pytest.mark.parametrize("damage", ["model", "index", "name", "empty"])
def test_new_models_that_cannot_be_used_change_nothing(
    client: TestClient, tmp_path: Path, red: bytes, capsys: pytest.CaptureFixture, damage: str
) -> None:
    models = tmp_path / "models"
    if damage == "model":
        add_bundle(models, tmp_path / "workshop", "new", -0.1)
        for file in ("model.onnx", "model.int8.onnx"):
            (models / "new" / file).write_bytes(b"damaged")
        bundle.write_index(models, "new", ["new"])
    elif damage == "name":
        bundle.write_index(models, "missing", ["missing"])
    else:
        content = {"index": '{"schema_version": 1}', "empty": ""}[damage]
        write_text(models / "index.json", content)  # at once, as an export does
    wait_for(client, "refused")
    time.sleep(0.3)
    answer = client.post("/v1/faces", files=form(("a", red))).json()
    assert answer["model"]["name"] == "resnet50" and answer["images"][0]["faces"]
    log = capsys.readouterr().err
    assert log.count("the new models are not used, the ones before still are") == 1
    assert client.get("/readyz").is_success


def test_models_that_go_leave_the_loaded_ones(client: TestClient, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "models")
    time.sleep(0.3)
    assert client.get("/readyz").is_success
    assert not reloads(client, "taken") and not reloads(client, "refused")


def test_the_page_beside_it_shows_the_new_models(tmp_path: Path) -> None:
    models = add_models(tmp_path)
    with running(models, tmp_path) as served, served.client() as client:
        assert "resnet50" in client.get("/config").text
        assert client.get("/docs").is_success and client.get("/v1/models").is_success
        upload = {"files": ("a.txt", b"hello")}
        [kept] = client.post("/gradio_api/upload", files=upload).json()
        add_bundle(models, tmp_path / "workshop", "brandnew", 0.1)
        bundle.write_index(models, "brandnew", ["brandnew"])
        deadline = time.monotonic() + 60
        while "brandnew" not in client.get("/config").text:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "resnet50" not in client.get("/config").text
        assert Path(kept).exists(), "it is deleted when its time comes, or with the server"
    assert not Path(kept).exists()
