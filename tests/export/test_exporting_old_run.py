"""A run of the version before, which knew no label but gender, is exported as it was then."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from data import GENDER
from export.bundling import export_winner
from export.progress import Steps
from export.source import Source
from inference import Classifier, bundle, whole_image
from tuning.runs.run_folder import RunFolder


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def config_before(config: dict[str, Any]) -> None:
    config["format"] = config.pop("schema_version")
    del config["labels"]
    for name in ("label", "ages", "drop_suspects"):
        del config["settings"][name]
    for part in config["images"]["splits"].values():
        part["share_man"] = part.pop("classes")["gender"]["man"] / part["count"]


def metrics_before(metrics: dict[str, Any]) -> None:
    for winner in metrics["winners"].values():
        winner["schema_version"] = 1
        [label] = winner.pop("labels")
        for split in ("val", "test"):
            del label[split]["macro_f1"], label[split]["uncalibrated"]["macro_f1"]
            winner[split] = label[split]
        del winner["test"]["datasets"]
        band = {"low": 0.3, "high": 0.7, "target_accuracy": 0.98, "accuracy": 0.99}
        winner |= {"band": band | {"share_uncertain": 0.1}, "temperature": 1.0}


@pytest.mark.usefixtures("no_fresh_processes")
def test_an_old_run_becomes_a_bundle_of_gender(
    run_copy: RunFolder, exported: Path, image_cache: Path, tmp_path: Path, steps: Steps
) -> None:
    rewrite(run_copy.config, config_before)
    rewrite(run_copy.metrics, metrics_before)
    facts, source = run_copy.read_metrics().winners["vgg16"], Source.open(run_copy, image_cache)
    item = export_winner(source, facts, tmp_path / "models" / "vgg16", steps)
    assert item.info.classes == (GENDER,)
    point = item.info.labels[0].operating_point
    assert point and point.accuracy_bound and point.accuracy_bound >= point.target_accuracy
    bundle.write_index(tmp_path / "models", "vgg16", ["vgg16"])
    found = bundle.find(tmp_path / "models")
    assert found.card and "woman (48), man (48)" in found.card and "macro F1" not in found.card
    folders = (exported, tmp_path / "models")
    before, now = (onnx.load(folder / "vgg16" / "model.onnx").graph for folder in folders)
    assert before == now
    assert Classifier.load(tmp_path / "models", finder=whole_image).precision in ("fp32", "int8")
