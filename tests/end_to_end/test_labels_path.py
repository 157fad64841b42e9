"""The main path for other labels than gender, on portraits: tune, export, predict."""

import json
from pathlib import Path

import pandas as pd
import pytest
from program import call

LABELS = ("Smiling", "age")
AGES = ("0-12", "13-19", "20-39", "40-59", "60+")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def tune_settings(artifacts: Path) -> dict[str, str]:
    drawn = call(artifacts, "data", "synthesize", str(artifacts / "faces"), "--count", "160")
    assert drawn.returncode == 0, drawn.stderr
    faces = str(artifacts / "faces")
    return {  # in float32 the run's predictions are those of its model
        "DATA": faces, "WEIGHTS": "none", "PRESET": "quick", "SIZE": "64", "BACKBONES": "googlenet",
        "PRECISION": "float32",
    }  # fmt: skip


@pytest.fixture(scope="module")
def finished(artifacts: Path, tune_settings: dict[str, str]) -> Path:
    """A run of two labels, one of five classes, after one of gender on the same images."""
    first = call(artifacts, "tuning", **tune_settings, RUN="gender", BUDGET="0.1")
    assert first.returncode == 0, first.stderr
    assert "pass of" in first.stdout
    labels = ",".join(LABELS)
    done = call(artifacts, "tuning", **tune_settings, RUN="several", LABEL=labels, BUDGET="0.2")
    assert done.returncode == 0, done.stderr
    timeline = pd.read_csv(artifacts / "runs" / "several" / "timeline.csv")
    passed = timeline["images"][timeline["step"] == "pass"].tolist()
    assert passed[:2] == [0, 0], "the images have passed before"
    for words in ("what annotators saw in a photo", "how old annotators judged"):
        assert words in done.stdout
    return artifacts / "runs" / "several"


@pytest.fixture(scope="module")
def models(artifacts: Path, finished: Path) -> Path:
    done = call(artifacts, "export", RUN="several")
    assert done.returncode == 0, done.stderr
    return artifacts / "models"


def test_another_label_has_the_same_split(artifacts: Path, finished: Path) -> None:
    splits = [
        pd.read_csv(artifacts / "runs" / run / "manifest.csv").set_index("path")["split"]
        for run in ("gender", "several")
    ]
    pd.testing.assert_series_equal(*splits)


def test_each_label_has_its_figures(finished: Path) -> None:
    facts = json.loads((finished / "metrics.json").read_text())["winners"]["googlenet"]
    assert [one["label"]["name"] for one in facts["labels"]] == list(LABELS)
    predictions = pd.read_csv(finished / "predictions" / "googlenet.csv")
    test = predictions[predictions["split"] == "test"]
    for one in facts["labels"]:
        name, classes = one["label"]["name"], one["label"]["classes"]
        p = test[[f"p_{word}:{name}" for word in classes]].to_numpy()
        correct = p.argmax(axis=1) == test[f"label:{name}"]
        assert one["test"]["accuracy"] == pytest.approx(correct.mean())
        assert p.sum(axis=1) == pytest.approx(1)


def test_the_report_speaks_of_these_labels(finished: Path) -> None:
    report = (finished / "report.html").read_text()
    assert all(name in report for name in (*LABELS, "60+"))
    assert "p_man" not in report


def test_serving_gives_the_predictions_of_the_run(
    artifacts: Path, models: Path, finished: Path, tmp_path: Path
) -> None:
    manifest = pd.read_csv(finished / "manifest.csv")
    recorded = pd.read_csv(finished / "predictions" / "googlenet.csv").set_index("row")
    rows = manifest.index[manifest["split"] == "test"][:12]
    for row in rows:
        source = Path(manifest["path"][row])
        (tmp_path / source.name).write_bytes(source.read_bytes())
    table = tmp_path / "faces.csv"
    done = call(
        artifacts, "inference", "predict", str(tmp_path), "--aligned", "--precision", "fp32",
        "--csv", str(table),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    served = pd.read_csv(table)
    expected = [
        f"{column}:{name}"
        for name, classes in (("Smiling", ("no", "yes")), ("age", AGES))
        for column in ("label", "probability", *(f"p_{word}" for word in classes))
    ]
    assert [column for column in served if ":" in column] == expected
    by_name = served.set_index(served["file"].map(lambda path: Path(path).name))
    for row in rows:
        said = by_name.loc[Path(manifest["path"][row]).name]
        for column in ("p_yes:Smiling", "p_0-12:age", "p_60+:age"):
            assert said[column] == pytest.approx(recorded.loc[row, column], abs=2e-3)


def test_the_card_says_what_the_labels_are_not(models: Path) -> None:
    card = (models / "googlenet" / "MODEL_CARD.md").read_text()
    assert "how old annotators judged" in card
    assert "checking whether a person is of age" in card
