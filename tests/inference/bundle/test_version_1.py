"""Bundles and ONNX files of the schema version before, whose only label was gender."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from tiny_bundles import SIZE, add_models, make_info, save_onnx

from data import GENDER
from inference import BundleError, Classifier, bundle, whole_image

BAND = {"low": 0.3, "high": 0.8, "target_accuracy": 0.98, "share_uncertain": 0.25}
RED = np.full((1, SIZE, SIZE, 3), (123, 120, 120), np.uint8)  # p_man 0.574


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that each model is checked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def old(content: dict[str, Any], **changes: object) -> dict[str, Any]:
    """The facts of a bundle of gender as version 1 had them."""
    gender = {"labels": ["woman", "man"], "output": "p_man", "temperature": 1.5, "threshold": 0.5}
    return content | {"schema_version": 1, "band": BAND} | gender | changes


def make_old(folder: Path, **changes: object) -> bundle.Bundle:
    """Turn a written bundle into one of version 1."""
    path = folder / "bundle.json"
    content = json.loads(path.read_text())
    for form, rows in content["checks"]["expected"].items():
        content["checks"]["expected"][form] = [man for _, man in rows]
    path.write_text(json.dumps(old(content, **changes)))
    return bundle.read(folder)


def old_metadata(path: Path, **changes: str) -> Path:
    """Give an ONNX file the metadata of version 1."""
    model = onnx.load(path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    facts |= {"schema_version": "1", "labels": '["woman", "man"]', "output": "p_man"}
    facts |= {"threshold": "0.5", "temperature": "1.5", "band.low": "0.3", "band.high": "0.8"}
    helper.set_model_props(model, facts | changes)
    onnx.save(model, path)
    return path


def test_a_bundle_is_read_served_and_written_in_the_new_version(tmp_path: Path) -> None:
    models = add_models(tmp_path)
    new = Classifier.load(models, "resnet50", finder=whole_image)
    found = make_old(models / "resnet50")
    [label] = found.info.labels
    assert (label.label, label.output) == (GENDER, "p_man")
    assert label.calibration and label.calibration.bias == (0.0,)
    assert label.slope == pytest.approx(1 / 1.5)
    assert label.operating_point and label.operating_point.least == (0.7, 0.8)
    assert label.operating_point.share_uncertain == 0.25
    assert label.metrics == found.info.metrics
    served = Classifier.load(models, "resnet50", finder=whole_image)
    assert served.classify(RED).tolist() == new.classify(RED).tolist()
    files = {path.name: path for path in found.folder.iterdir() if path.name != "bundle.json"}
    written = bundle.write(tmp_path / "again", found.info, files)
    content = json.loads((written.folder / "bundle.json").read_text())
    assert content["schema_version"] == 2 and "band" not in content
    assert bundle.read(written.folder).info == found.info


def test_the_band_decides_as_it_did(tmp_path: Path) -> None:
    path = old_metadata(save_onnx(tmp_path / "model.onnx", make_info()))
    decide = Classifier.from_onnx(path, finder=whole_image).info.labels[0].decide
    said = [decide((1 - p, p)) for p in (0.0, 0.3, 0.31, 0.79, 0.8, 1.0)]
    assert said == ["woman", "woman", "uncertain", "uncertain", "man", "man"]


@pytest.mark.parametrize("threshold", [0.5, 0.2, 1.0])
def test_without_a_band_the_threshold_decides(threshold: float) -> None:
    facts = old(json.loads(make_info().model_dump_json()), band=None, threshold=threshold)
    [label] = bundle.BundleInfo.model_validate(facts).labels
    for p in (0.0, 0.19, 0.21, 0.49, 0.5, 0.99, 1.0):
        assert label.decide((1 - p, p)) == ("man" if p >= threshold else "woman"), p


def test_a_graph_that_gives_the_probability_of_a_woman_is_read_rightly(tmp_path: Path) -> None:
    """Its labels are reversed; band and check images are of p_man all the same."""
    reversed_labels = '["man", "woman"]'
    path = old_metadata(save_onnx(tmp_path / "model.onnx", make_info()), labels=reversed_labels)
    classifier = Classifier.from_onnx(path, finder=whole_image)
    plain = old_metadata(save_onnx(tmp_path / "plain.onnx", make_info()))
    [[woman, man]] = Classifier.from_onnx(plain, finder=whole_image).classify(RED).tolist()
    assert classifier.classify(RED).tolist() == [[woman, man]]  # in the order man, woman
    [face] = classifier.predict(np.full((SIZE, SIZE, 3), (200, 120, 120), np.uint8))
    assert face.label == "woman" and face.p_man < 0.01
    [label] = classifier.info.labels
    assert [label.decide((p, 1 - p)) for p in (0.29, 0.31, 0.81)] == ["woman", "uncertain", "man"]

    models = add_models(tmp_path)
    found = make_old(models / "vgg16", labels=["man", "woman"])
    before = bundle.read(models / "resnet50").info.checks
    assert found.info.checks and before
    with pytest.raises(BundleError, match="does not give on this processor"):
        Classifier.load(models, "vgg16", finder=whole_image)
    content = json.loads((models / "vgg16" / "bundle.json").read_text())
    for form, values in content["checks"]["expected"].items():
        content["checks"]["expected"][form] = [1 - p for p in values]
    (models / "vgg16" / "bundle.json").write_text(json.dumps(content))
    assert Classifier.load(models, "vgg16", finder=whole_image)


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 1.1},
        {"threshold": None},
        {"threshold": []},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"temperature": 10**400},
        {"band": {"low": -0.1, "high": 0.7}},
        {"band": {"low": float("nan"), "high": 0.7}},
        {"band": {"low": 0.1}},
        {"band": {"low": {}, "high": 1}},
        {"band": [0.1, 0.9]},
        {"band": {"low": 0.1, "high": 0.7, "two\nlines": 1}},
        {"labels": ["cat", "man"]},
        {"labels": "man"},
        {"labels": ["woman", "man", "man"]},
        {"checks": {"file": "a.png", "sha256": "", "expected": {"fp32": [[0.5]]}}},
        {"checks": {"file": "a.png", "sha256": "", "expected": {"fp32": [1.5]}}},
        {"checks": {"file": "a.png", "sha256": "", "expected": [1]}},
        {"checks": 3},
        {"output": "<script>"},
    ],
)
def test_facts_that_cannot_be_are_one_line(change: dict[str, Any], tmp_path: Path) -> None:
    content = old(json.loads(make_info().model_dump_json()), **change)
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(BundleError, match=rf"bundle\.json: .*{next(iter(change))}") as error:
        bundle.read(tmp_path)
    assert str(error.value).isprintable() and "make export" in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"band.low": "x"},
        {"band.colour": "1"},
        {"threshold": "nan", "band.low": "0.1"},
        {"labels": '{"a": 1}'},
        {"temperature": "1e999"},
        {"band": "{}"},
    ],
)
def test_metadata_that_cannot_be_is_one_line(change: dict[str, str], tmp_path: Path) -> None:
    path = old_metadata(save_onnx(tmp_path / "model.onnx", make_info()), **change)
    with pytest.raises(BundleError, match=r"model\.onnx") as error:
        Classifier.from_onnx(path)
    assert str(error.value).isprintable()
