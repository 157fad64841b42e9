"""The main path with the real tools at a tiny size: tune, kill, go on, export, predict."""

import json
from pathlib import Path

import onnx
import pandas as pd
import pytest
from program import assert_goes_on, call, kill_when, records, tuned

from tuning.precision import resolve

RUN = "tiny"
BACKBONES = "googlenet,resnet50"
NO_TIME = {"BUDGET": "0.1"}  # it has been used by then: what there is is reported


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="module")
def tune_settings(artifacts: Path) -> dict[str, str]:
    drawn = call(artifacts, "data", "synthesize", str(artifacts / "faces"), "--count", "120")
    assert drawn.returncode == 0, drawn.stderr
    return {
        "DATA": str(artifacts / "faces"),
        "WEIGHTS": "none",
        "PRESET": "quick",
        "SIZE": "64",
        "BACKBONES": BACKBONES,
        "RUN": RUN,
    }


@pytest.fixture(scope="module")
def killed_after(artifacts: Path, tune_settings: dict[str, str]) -> dict[str, dict[str, object]]:
    """Kill a run that has two trials; their records by then."""
    run = artifacts / "runs" / RUN
    kill_when(lambda: len(records(run)) >= 2, artifacts, "tuning", **tune_settings)
    return records(run)


@pytest.fixture(scope="module")
def finished(
    artifacts: Path, tune_settings: dict[str, str], killed_after: dict[str, dict[str, object]]
) -> Path:
    """The same run, killed once more when both backbones are fine-tuned, and given no more time."""
    run, both = artifacts / "runs" / RUN, set(BACKBONES.split(","))
    kill_when(lambda: tuned(records(run)) == both, artifacts, "tuning", **tune_settings)
    done = call(artifacts, "tuning", **tune_settings, **NO_TIME)
    assert done.returncode == 0, done.stderr
    assert "Synthetic portraits" in done.stdout
    assert "not a person's gender" in done.stdout
    return run


@pytest.fixture(scope="module")
def exported(artifacts: Path, finished: Path) -> Path:
    done = call(artifacts, "export")
    assert done.returncode == 0, done.stderr
    return artifacts / "models"


def test_a_killed_run_goes_on_and_loses_no_trial(
    finished: Path, killed_after: dict[str, dict[str, object]]
) -> None:
    after = records(finished)
    assert len(killed_after) >= 2
    assert_goes_on(killed_after, after)
    assert len(after) > len(killed_after)


def test_the_leaderboard_has_every_trial_of_every_backbone(finished: Path) -> None:
    table = pd.read_csv(finished / "leaderboard.csv")
    assert set(table["backbone"]) == set(BACKBONES.split(","))
    assert len(table) == len(records(finished))
    assert set(table["status"]) <= {"ended", "open"}
    assert table["score"].dropna().is_monotonic_increasing
    for _, trials in table.groupby("backbone"):
        assert trials["depth"].min() == 0 < trials["depth"].max()


def test_metrics_come_from_the_test_split_alone(finished: Path) -> None:
    manifest = pd.read_csv(finished / "manifest.csv")
    people = manifest.groupby("split")["identity"].agg(set)
    assert not people["train"] & people["test"]
    assert not people["train"] & people["val"]
    assert not people["val"] & people["test"]
    metrics = json.loads((finished / "metrics.json").read_text())
    for facts in metrics["winners"].values():
        test = facts["labels"][0]["test"]
        predictions = pd.read_csv(finished / "predictions" / f"{facts['backbone']}.csv")
        predictions = predictions[predictions["split"] == "test"]
        images = manifest.loc[predictions["row"]]
        correct = (predictions["p_man"].to_numpy() >= 0.5) == (images["label"].to_numpy() == 1)
        assert set(images["split"]) == {"test"}
        assert test["count"] == len(images) == (manifest["split"] == "test").sum()
        assert test["accuracy"] == pytest.approx(correct.mean())
        (_, women_as_men), (men_as_women, _) = test["confusion"]
        assert women_as_men + men_as_women == (~correct).sum()


def test_the_report_is_one_file_that_names_what_it_measures(finished: Path) -> None:
    report = (finished / "report.html").read_text()
    assert "Synthetic portraits" in report
    assert "not a person&#39;s gender" in report
    assert "Random start" in report
    assert report.count("data:image/png;base64,") >= 6
    assert 'src="http' not in report


def test_a_finished_run_is_not_done_again(
    artifacts: Path, finished: Path, tune_settings: dict[str, str]
) -> None:
    def times() -> dict[Path, int]:
        made = (*finished.glob("studies/*/trial_*/record.json"), *finished.glob("winners/*"))
        return {path: path.stat().st_mtime_ns for path in made}

    before = times()
    again = call(artifacts, "tuning", **tune_settings, **NO_TIME)
    assert again.returncode == 0, again.stderr
    assert times() == before


def test_a_run_refuses_other_settings(
    artifacts: Path, finished: Path, tune_settings: dict[str, str]
) -> None:
    other = call(artifacts, "tuning", **{**tune_settings, "SEED": "7"})
    assert other.returncode == 1
    assert other.stderr.startswith("error: run tiny was made with seed=0, not 7")
    assert len(other.stderr.splitlines()) == 1


def test_serving_gives_the_accuracy_of_bundle_and_report(
    artifacts: Path, exported: Path, finished: Path, tmp_path: Path
) -> None:
    manifest = pd.read_csv(finished / "manifest.csv")
    test = manifest[manifest["split"] == "test"]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in test["path"]:
        (pictures / Path(path).name).symlink_to(path)
    out = tmp_path / "out.csv"
    done = call(
        artifacts,
        "inference",
        "predict",
        str(pictures),
        "--aligned",
        "--precision",
        "fp32",
        "--csv",
        str(out),
    )
    assert done.returncode == 0, done.stderr
    served = pd.read_csv(out)
    served["name"] = served["file"].map(lambda file: Path(file).name)
    label = test.set_index(test["path"].map(lambda path: Path(path).name))["label"]
    correct = (served["p_man"] >= 0.5) == (served["name"].map(label) == 1)
    champion = json.loads((exported / "index.json").read_text())["champion"]
    info = json.loads((exported / champion / "bundle.json").read_text())
    assert correct.mean() == pytest.approx(info["formats"]["fp32"]["accuracy"])
    metrics = json.loads((finished / "metrics.json").read_text())
    [facts] = metrics["winners"][champion]["labels"]
    apart = 1e-6 if resolve("auto") == "float32" else 2 / len(test)  # images in half precision
    assert correct.mean() == pytest.approx(facts["test"]["accuracy"], abs=apart)


def test_the_bundle_is_complete(exported: Path) -> None:
    for name in BACKBONES.split(","):
        folder = exported / name
        info = json.loads((folder / "bundle.json").read_text())
        assert info["synthetic"] is True
        assert set(info["formats"]) >= {"fp32", "saved_model"}
        assert (folder / "saved_model" / "saved_model.pb").is_file()
        card = (folder / "MODEL_CARD.md").read_text()
        assert "not a person's gender" in card
        assert "synthetic" in card
        model = onnx.load(folder / "model.onnx")
        onnx.checker.check_model(model, full_check=True)
        (image,), (p_man, *others) = model.graph.input, model.graph.output
        assert {output.name for output in others} <= {"p_man_activations"}
        assert (image.name, p_man.name) == ("image", "p_man")
        assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        assert image.type.tensor_type.shape.dim[0].dim_param
    assert any((exported / name / "model.int8.onnx").is_file() for name in BACKBONES.split(","))
