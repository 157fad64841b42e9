"""Pushing a bundle to a hub on this machine, from the side of who types the command."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import local_hub
import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from local_hub import Handler, LocalHub
from PIL import Image

from data import GENDER, Label
from export import hub_card, hub_repository, hub_thumbnail
from inference import Classifier, bundle, whole_image

ROOT = Path(__file__).parents[2]
Push = Callable[..., tuple[int, str, str]]
PUSHED = {
    "README.md", "MODEL_CARD.md", "bundle.json", "model.onnx", "model.int8.onnx", "audit.csv",
    "thumbnail.png", "pushed.json",
}  # fmt: skip
MODEL = "models/ann/faces"


def info_of(labels: tuple[Label, ...] = (GENDER,), **changes: Any) -> bundle.BundleInfo:
    metrics = {
        "test_accuracy": 0.95,
        "test_accuracy_interval": (0.93, 0.97),
        "auc": 0.98,
        "balanced_accuracy": 0.94,
    }
    facts = {
        "backbone": "vgg16",
        "labels": [
            {"name": one.name, "classes": one.classes, "output": one.output, "metrics": metrics}
            for one in labels
        ],
        "input": {"size": 96, "framing": "face"},
        "data": {"name": "CelebA", "fingerprint": "d1" * 32, "counts": {"train": 80, "test": 400}},
        "weights": {"source": "vgg16.h5", "fingerprint": "w1"},
        "metrics": metrics,
    }
    return bundle.BundleInfo.model_validate(facts | changes)


def add_bundle(models: Path, workshop: Path, name: str = "vgg16", **changes: Any) -> None:
    """A bundle whose models are no graphs: a push looks at their SHA-256 alone."""
    workshop.mkdir()
    contents = {"model.onnx": b"fp32", "model.int8.onnx": b"int8", "audit.csv": b"group,images\n"}
    contents["MODEL_CARD.md"] = b"# vgg16: gender\n\n**A warning.**\n\n## What it predicts\nText.\n"
    for file, content in contents.items():
        (workshop / file).write_bytes(content + name.encode() * (file != "MODEL_CARD.md"))
    (workshop / "saved_model").mkdir()
    (workshop / "saved_model" / "graph.pb").write_bytes(b"graph")
    of = bundle.ModelFile.of
    formats = {
        "fp32": of(workshop / "model.onnx", accuracy=0.95),
        "int8": of(workshop / "model.int8.onnx", accuracy=0.94, accuracy_interval=(0.912, 0.959)),
        "saved_model": of(workshop / "saved_model"),
    }
    info = info_of(formats=formats, backbone=name, **changes)
    bundle.write(models / name, info, {path.name: path for path in workshop.iterdir()})
    shutil.rmtree(workshop)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    add_bundle(models, tmp_path / "workshop")
    bundle.write_index(models, "vgg16", ["vgg16"])
    return models


@pytest.fixture
def push(
    models: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Push:
    """Run `push` as the writer: status, output and errors."""
    from export.__main__ import main

    monkeypatch.setenv("HF_TOKEN", local_hub.WRITER)

    def run(*options: str, to: str = "ann/faces") -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["push", "--to", to, "--models", str(models), *options])
        shown = capsys.readouterr()
        assert local_hub.WRITER not in shown.out + shown.err
        assert isinstance(ended.value.code, int)
        return ended.value.code, shown.out, shown.err

    return run


def test_it_sends_the_bundle_as_it_is_served(push: Push, hub: LocalHub, models: Path) -> None:
    status, output, errors = push()
    assert (status, errors) == (0, "")
    assert output.splitlines()[-1].endswith("--models hf://ann/faces")
    files = hub.repositories[MODEL].files
    assert set(files) == {*PUSHED, ".gitattributes"}
    assert json.loads(files["bundle.json"])["formats"].keys() == {"fp32", "int8"}
    for name in ("model.onnx", "MODEL_CARD.md", "audit.csv"):
        assert files[name] == (models / "vgg16" / name).read_bytes()
    assert not hub.repositories[MODEL].private


def test_the_card_says_what_hubs_read(push: Push, hub: LocalHub) -> None:
    push()
    card = ModelCard(hub.repositories[MODEL].files["README.md"].decode())
    data = card.data.to_dict()
    assert (data["library_name"], data["pipeline_tag"]) == ("onnx", "image-classification")
    assert data["license_name"] == "celeba-non-commercial-research"
    assert data["thumbnail"] == f"{hub.url}/ann/faces/resolve/main/thumbnail.png"
    [accuracy, *_, int8] = card.data.eval_results
    assert (accuracy.dataset_name, accuracy.dataset_split) == ("CelebA", "test")
    assert accuracy.metric_args == {"confidence_level": 0.95, "interval": [0.93, 0.97]}
    assert int8.metric_name == "accuracy of INT8 (95 % interval 91.2 to 95.9 %)"
    text = card.text
    assert text.index("**A warning.**") < text.index("hf://ann/faces") < text.index("What it pre")


def test_the_same_bundle_again_changes_nothing(push: Push, hub: LocalHub) -> None:
    push("--space")
    commits = {name: len(one.commits) for name, one in hub.repositories.items()}
    assert set(commits) == {MODEL, "spaces/ann/faces"}
    hub.requests.clear()
    status, output, _ = push("--space")
    assert status == 0 and output.count("nothing changed") == 2
    assert {name: len(one.commits) for name, one in hub.repositories.items()} == commits
    assert not hub.asked("/commit/") and not hub.asked("/stored/") and not hub.asked("/create")


def test_a_new_bundle_replaces_what_a_push_wrote_and_no_more(
    push: Push, hub: LocalHub, models: Path, tmp_path: Path
) -> None:
    push()
    found = hub.repositories[MODEL]
    found.commit(found.files | {"notes.md": b"mine"})
    shutil.rmtree(models)
    add_bundle(models, tmp_path / "workshop", "vgg19")
    (models / "vgg19" / "audit.csv").unlink()
    bundle.write_index(models, "vgg19", ["vgg19"])
    status, output, _ = push()
    assert status == 0 and "1 deleted" in output
    assert found.files["model.onnx"] == b"fp32vgg19" and found.files["notes.md"] == b"mine"
    assert "audit.csv" not in found.files


@pytest.mark.parametrize("kind", ["models", "spaces"])
def test_a_repository_of_somebody_else_is_refused(kind: str, push: Push, hub: LocalHub) -> None:
    found = hub.add(f"{kind}/ann/faces", {".gitattributes": b"", "mine.bin": b"weights"})
    status, output, errors = push("--space")
    assert (status, output) == (1, "") and errors.count("\n") == 1
    assert "was not written by this program (it holds mine.bin)" in errors and "--force" in errors
    assert len(found.commits) == 1 and len(hub.repositories) == 1  # nothing was made or sent
    assert push("--space", "--force")[0] == 0
    assert found.files["mine.bin"] == b"weights" and "README.md" in found.files


def test_what_was_edited_on_the_hub_is_not_lost(push: Push, hub: LocalHub) -> None:
    push()
    found = hub.repositories[MODEL]
    found.commit(found.files | {"README.md": b"# My own words"})
    status, _, errors = push()
    assert status == 1 and "README.md was changed there since the last push" in errors
    assert found.files["README.md"] == b"# My own words"
    assert push("--force")[0] == 0
    assert found.files["README.md"] != b"# My own words"


@pytest.mark.parametrize("record", [b"", b"[]", b'{"files": {"../x": 1}}', b"x" * 2_000_000])
def test_a_record_that_is_none_lets_nothing_be_replaced(
    record: bytes, push: Push, hub: LocalHub
) -> None:
    hub.add(MODEL, {"pushed.json": record, "README.md": b"# Mine"})
    status, _, errors = push()
    assert status == 1 and errors.count("\n") == 1
    assert hub.repositories[MODEL].files["README.md"] == b"# Mine"


def test_private_is_private_or_refused(push: Push, hub: LocalHub) -> None:
    assert push("--private", "--space")[0] == 0
    assert all(found.private for found in hub.repositories.values())
    hub.repositories[MODEL].private = False
    status, _, errors = push("--private")
    assert status == 1 and "is public: make it private there first" in errors


def test_a_dry_run_asks_nobody(push: Push, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    status, output, errors = push("--dry-run", "--space", "--license", "mit")
    assert (status, errors, hub.requests) == (0, "", [])
    for name in PUSHED - {"pushed.json"}:
        assert f"  {name}\n" in output
    front = output.split("\n---\n")[1]
    assert yaml.safe_load(front)["license"] == "mit"
    assert output.endswith("nothing was sent, and no hub was asked\n")


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [
        ("", 2, "no token for .*: set HF_TOKEN"),
        ("hf_wrong", 1, "does not know the token"),
        (local_hub.READER, 1, "may only read"),
        (local_hub.STRANGER, 1, "does not allow it: You don't have the rights"),
    ],
)
def test_a_token_that_will_not_do_is_said_in_a_line(
    token: str,
    status: int,
    message: str,
    push: Push,
    hub: LocalHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import re

    monkeypatch.setenv("HF_TOKEN", token)
    ended, _, errors = push()
    assert ended == status and errors.count("\n") == 1
    assert re.search(message, errors) and (not token or token not in errors)
    assert not hub.repositories


@pytest.mark.parametrize("to", ["faces", "ann/faces/x", "../x", "ann/faces@v1", "datasets/a/b", ""])
def test_where_to_must_be_a_model(to: str, push: Push, hub: LocalHub) -> None:
    status, _, errors = push(to=to)
    assert status == 2 and errors.startswith(f"error: --to {to}: ") and not hub.requests


def fails(status: int, **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(status, {"error": "no"}, **headers)


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize(
    ("part", "respond", "message"),
    [
        (
            "whoami",
            fails(429, Retry_After="60"),
            "login: .* fewer requests: try it again in 60 s",
        ),
        ("whoami", fails(503), "login: .* fails"),
        ("whoami", hang_up, "broke off"),
        ("whoami", lambda handler: handler.send(200, b"<html>"), "responds as no hub does"),
        ("preupload", fails(429, Retry_After="60"), "fewer requests: try it again in 60 s"),
        ("/stored/", fails(429, Retry_After="60"), "fewer requests"),
        ("/stored/", fails(403), "does not allow it"),
        ("/commit/", fails(412), "was changed by somebody at this moment"),
        ("create", fails(409), "was changed by somebody at this moment"),
        ("validate-yaml", fails(400), "does not take the card"),
        ("preupload", lambda handler: handler.send(200, {"files": 1}), "responds as no hub does"),
    ],
)
def test_a_hub_that_fails_is_one_line_and_no_long_wait(
    part: str, respond: Callable[[Handler], None], message: str, push: Push, hub: LocalHub
) -> None:
    import re

    def misbehave(handler: Handler) -> bool:
        if part in handler.path:
            respond(handler)
            return True
        return False

    hub.misbehave = misbehave
    started = time.monotonic()
    status, _, errors = push()
    assert time.monotonic() - started < 8
    assert status == 1 and re.search(message, errors) and errors.count("\n") == 1


def test_without_a_network_it_says_so_at_once(models: Path, tmp_path: Path) -> None:
    command = [sys.executable, "face_classifier.py", "push", "--to", "ann/faces"]
    done = subprocess.run(
        [*command, "--models", models],
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "hf_secret"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: login: 127.0.0.1:9 cannot be reached")
    assert done.stderr.count("\n") == 1 and "hf_secret" not in done.stderr


def test_a_damaged_bundle_is_not_sent(push: Push, hub: LocalHub, models: Path) -> None:
    (models / "vgg16" / "model.onnx").write_bytes(b"FP32vgg16")
    status, _, errors = push()
    assert status == 1 and "is not the file that was exported" in errors
    assert not hub.repositories


def test_names_of_labels_do_nothing_in_the_front_matter() -> None:
    hostile = Label(name='x: "y" - &a *b {c} # d', classes=("a: 1", "b\"'"))
    info = info_of((hostile, GENDER), synthetic=True)
    text = hub_card.readme(info, "# Title\n\n## A\n", "ann/faces", None, "https://hub")
    front = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert set(front) <= {
        "library_name", "license", "metrics", "pipeline_tag", "tags", "thumbnail", "model-index",
    }  # fmt: skip
    assert front["license"] == "apache-2.0" and "synthetic" in front["tags"]
    [entry] = front["model-index"]
    assert [one["dataset"]["config"] for one in entry["results"]] == [hostile.name, "gender"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("CelebA", "other"), ("CelebA + UTKFace", "other"), ("UTKFace", "other"),
        ("FairFace", "cc-by-4.0"), ("folder per class", "unknown"), ("celebrate", "unknown"),
    ],
)  # fmt: skip
def test_the_license_is_what_the_data_set_demands(data: str, expected: str) -> None:
    info = info_of(data={"name": data, "fingerprint": "d"})
    assert hub_card.license_of(info)["license"] == expected


def test_the_picture_is_drawn_and_the_same_each_time(tmp_path: Path) -> None:
    many = tuple(
        Label(name=f"label {index} {'x' * 60}", classes=("no", "yes")) for index in range(9)
    )
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, second):
        hub_thumbnail.draw(info_of(many), path)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.size == hub_thumbnail.SIZE
        assert np.asarray(image)[:, -20:].min() > 230  # nothing runs over the edge


def test_hashes_are_those_of_git(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"Hello, World!")
    assert hub_repository.FileHash.of(tmp_path / "file").git[:10] == "b45ef6fec8"


def test_what_was_pushed_is_what_is_loaded(
    exported: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export.push import Push as Pushing

    monkeypatch.setenv("HF_TOKEN", local_hub.WRITER)
    item = bundle.find(exported)
    assert list(Pushing(item, "ann/faces", private=True).run())
    images = item.check_images()
    ours = Classifier.from_bundle(item, "int8", finder=whole_image).classify(images)
    theirs = Classifier.load("hf://ann/faces", precision="int8", finder=whole_image)
    assert np.array_equal(theirs.classify(images), ours)
