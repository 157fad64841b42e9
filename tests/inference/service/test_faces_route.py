"""POST /v1/faces and GET /v1/models, answered as the document says."""

import threading
from pathlib import Path

import pytest
from PIL import Image
from service_client import KEY, as_bytes, check_against_document, form, in_json, service_of
from starlette.testclient import TestClient
from tiny_bundles import SEVERAL, add_bundle

from data import Label
from inference import bundle
from inference.classifier import Classifier


def test_a_face_as_the_classifier_gives_it(service: TestClient, exported: Path, red: bytes) -> None:
    response = service.post("/v1/faces", files=form(("red.png", red)))
    check_against_document(service, response)
    answer = response.json()
    [expected] = Classifier.load(exported).predict(red)
    [picture] = answer["images"]
    [face] = picture["faces"]
    assert (picture["name"], picture["error"]) == ("red.png", None)
    assert tuple(face["box"].values()) == expected.box.xyxy
    [prediction] = face["predictions"]
    assert (prediction["label"], prediction["decision"]) == ("gender", "man")
    assert prediction["probabilities"]["man"] == pytest.approx(expected.p_man, abs=1e-5)
    assert face["quality"] == expected.quality
    left = face["landmarks"]["left_eye"]
    assert [left["x"], left["y"]] == pytest.approx(expected.landmarks[0], abs=0.1)
    assert all(milliseconds >= 0 for milliseconds in picture["milliseconds"].values())


def test_the_model_is_named_with_the_hash_of_its_file(service: TestClient, exported: Path) -> None:
    files = {"int8": "model.int8.onnx", "fp32": "model.onnx"}
    listed = service.get("/v1/models")
    check_against_document(service, listed)
    for name in ("resnet50", "vgg16"):
        [facts] = [one for one in listed.json()["models"] if one["name"] == name]
        assert facts["is_default"] is (name == "resnet50")
        for precision, file in files.items():
            params = {"model": name, "precision": precision}
            picture = as_bytes(Image.new("RGB", (40, 40)))
            model = service.post("/v1/faces", params=params, files=form(("a", picture))).json()[
                "model"
            ]
            assert (model["name"], model["precision"]) == (name, precision)
            digest = bundle.digest(exported / name / file)
            assert model["sha256"] == facts["sha256"][precision] == digest


def test_many_pictures_in_order_of_which_a_bad_one_has_its_own_error(
    service: TestClient, red: bytes, crowd: bytes
) -> None:
    empty = as_bytes(Image.new("RGB", (50, 50)))
    sent = [("red", red), ("text", b"hello"), ("crowd", crowd), ("nobody", empty), ("0", b"")]
    response = service.post("/v1/faces", files=form(*sent))
    assert response.status_code == 200
    check_against_document(service, response)
    images = response.json()["images"]
    assert [one["name"] for one in images] == [name for name, _ in sent]
    assert [len(one["faces"]) for one in images] == [1, 0, 6, 0, 0]
    messages = [one["error"] and one["error"]["message"] for one in images]
    assert messages[0] is messages[2] is messages[3] is None
    assert "not an image" in messages[1] and messages[4] == "the file is empty"


def test_json_gives_what_a_form_does(service: TestClient, red: bytes) -> None:
    by_form = service.post("/v1/faces", files=form(("a", red))).json()
    response = service.post("/v1/faces", json=in_json(red, b"no picture"))
    check_against_document(service, response)
    first, second = response.json()["images"]
    assert first["faces"] == by_form["images"][0]["faces"]
    assert second["error"]["kind"] == "unreadable_picture"


def test_where_no_picture_could_be_read_the_status_says_so(service: TestClient) -> None:
    response = service.post("/v1/faces", files=form(("a.txt", b"hello")))
    assert response.status_code == 422
    check_against_document(service, response)
    assert "not an image" in response.json()["images"][0]["error"]["message"]


@pytest.mark.parametrize(
    ("params", "status"),
    [({"model": "vgg99"}, 404), ({"model": "../vgg16"}, 404), ({"precision": "fp16"}, 422)],
)
def test_other_models_and_precisions_are_refused(
    service: TestClient, red: bytes, params: dict[str, str], status: int
) -> None:
    response = service.post("/v1/faces", params=params, files=form(("a", red)))
    assert response.status_code == status
    check_against_document(service, response)


def test_labels_of_origin_are_kept_back(tmp_path: Path, red: bytes) -> None:
    race = Label(name="race", classes=("one", "two", "three"))
    models = tmp_path / "models"
    add_bundle(models, tmp_path / "workshop", "several", 0.1, [*SEVERAL, race])
    add_bundle(models, tmp_path / "workshop", "origin", 0.1, [race])
    bundle.write_index(models, "several", ["several", "origin"])
    with service_of(models) as client:
        answer = client.post("/v1/faces", files=form(("a", red)))
        several, origin = client.get("/v1/models").json()["models"]
        refused = client.post("/v1/faces", params={"model": "origin"}, files=form(("a", red)))
        assert "race" not in answer.text and "three" not in answer.text
        assert "Smiling" in answer.text
        assert several["withheld"] == origin["withheld"] == ["race"] and not origin["labels"]
        assert refused.status_code == 404 and "not offered" in refused.text
    with service_of(models, classify_origin=True) as client:
        assert "race" in client.post("/v1/faces", files=form(("a", red))).text


def test_keys_are_asked_for_where_there_are_any(exported: Path, red: bytes) -> None:
    with service_of(exported, keys=f"another-key-of-mine,{KEY}") as client:
        for path in ("/v1/models", "/metrics"):
            for header in ({}, {"Authorization": "Bearer guess"}, {"Authorization": KEY}):
                response = client.get(path, headers=header)
                assert response.status_code == 401, (path, header)
                assert response.headers["www-authenticate"] == "Bearer"
                check_against_document(client, response)
            assert client.get(path, headers={"Authorization": f"Bearer {KEY}"}).is_success
        assert client.post("/v1/faces", files=form(("a", red))).status_code == 401
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
            assert client.get(path).is_success


def test_concurrent_requests_get_their_own_answers(
    service: TestClient, red: bytes, crowd: bytes
) -> None:
    counts: dict[int, int] = {}

    def ask(index: int) -> None:
        picture = red if index % 2 else crowd
        images = service.post("/v1/faces", files=form((str(index), picture))).json()["images"]
        assert images[0]["name"] == str(index)
        counts[index] = len(images[0]["faces"])

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {index: 1 if index % 2 else 6 for index in range(12)}
