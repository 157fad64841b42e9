import os
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.scaling.check import check, parts
from benchmarks.scaling.constants import kept
from benchmarks.scaling.scenario import Scenario
from data import GENDER
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import (
    Calibration,
    Clock,
    Hyperparameters,
    LabelFacts,
    OperatingPoint,
    RefitRecord,
    RunConfig,
    StudyPlan,
    TestScores,
    TrainingTime,
    TrialRecord,
    TrialResult,
    ValScores,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.runs.settings import Settings

BACKBONES = ("googlenet", "vgg16")
MACHINE = Scenario(images=0, size=0, backbones=())
TIMES = (20.0, 25.0, 40.0, 42.0, 50.0)  # of plan, trial, refit, doubted labels, winner
RAW = {
    "count": 10, "accuracy": 0.8, "accuracy_interval": (0.49, 0.94), "balanced_accuracy": 0.8,
    "auc": 0.9, "brier": 0.1, "calibration_error": 0.1, "log_loss": 0.4,
    "confusion": ((4, 1), (1, 4)),
}  # fmt: skip


def result(depth: int, epochs: int) -> TrialResult:
    return TrialResult(
        hyperparameters=Hyperparameters(depth=depth, learning_rate=1e-3, head_units=0, dropout=0.1),
        val_accuracy=0.8, val_auc=0.9, val_brier=0.1, val_loss=0.4, epochs=epochs, seconds=1.0,
    )  # fmt: skip


def winner(name: str) -> WinnerFacts:
    point = OperatingPoint(
        least=(0.7, 0.7), target_accuracy=0.9, accuracy=0.9, share_uncertain=0.1
    )  # fmt: skip
    label = LabelFacts(
        label=GENDER, calibration=Calibration.none(GENDER), operating_point=point,
        val=ValScores(**RAW, uncalibrated=RAW), test=TestScores(**RAW, uncalibrated=RAW),
    )  # fmt: skip
    return WinnerFacts(
        backbone=name, origin="refit", hyperparameters=result(1, 3).hyperparameters, size=96,
        weights=WeightsOrigin(source="none", fingerprint="0"), labels=(label,),
    )  # fmt: skip


def at(path: Path, second: float) -> None:
    os.utime(path, (1e9 + second, 1e9 + second))


def finished(run: RunFolder, name: str, begun: float) -> None:
    study = run.study(name)
    study.make()
    study.write_plan(
        StudyPlan(depths=(1,), training_times=(TrainingTime(1, 1),) * 2, evaluation_seconds=1)
    )
    values = {"depth": 1, "learning_rate": 1e-3, "head_units": 0, "dropout": 0.1}
    study.write_trial(TrialRecord(trial="0", values=values, result=result(1, 2)))
    study.write_refit(RefitRecord(origin="refit", result=result(1, 3)))
    study.out_of_fold.touch()
    run.winner(name).parent.mkdir(exist_ok=True)
    run.winner(name).touch()
    run.write_winner(winner(name))
    [record] = study.record_paths()
    files = (study.plan, record, study.refit, study.out_of_fold, run.winner_facts(name))
    for path, second in zip(files, TIMES, strict=True):
        at(path, begun + second)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.named(tmp_path, "faces")
    splits = {"train": 700, "val": 150, "test": 150}
    config = RunConfig(
        settings=Settings(data="faces", backbones=BACKBONES, preset="quick", size=96),
        data={"name": "faces", "synthetic": False, "fingerprint": "0"},
        images={
            "framing": "face",
            "splits": {name: {"count": n, "identities": 0} for name, n in splits.items()},
        },
        weights="none",
        versions={},
    )
    folder.begin(config, pd.DataFrame({"path": ["a.jpg"], "label": [0], "split": ["train"]}))
    at(folder.config, 0.0)
    for number, name in enumerate(BACKBONES):
        finished(folder, name, 50.0 * number)
    folder.write_clock(Clock(seconds=108.0))
    return folder


def test_parts_are_told_by_the_times_of_files(run: RunFolder) -> None:
    checked = check(kept(), run, MACHINE)
    assert checked.measured == pytest.approx(
        {
            "images": 8.0, "probe and passes": 40.0, "trials": 10.0, "refit": 30.0,
            "doubted labels": 4.0, "evaluation": 16.0,
        }
    )  # fmt: skip
    assert sum(checked.measured.values()) == pytest.approx(checked.seconds)
    assert set(checked.measured) == set(parts(checked.predicted))


def test_a_run_is_predicted_from_its_settings_and_from_its_trials(run: RunFolder) -> None:
    checked = check(kept(), run, MACHINE)
    assert checked.predicted.scenario.images == 1000
    assert checked.predicted.plans["vgg16"].depths == (0, 0, 0, 1)
    assert checked.with_trials.plans["vgg16"].depths == (1,)
    assert checked.with_trials.plans["vgg16"].refit_epochs == 3


def test_of_backbones_side_by_side_only_the_sum_is_told(run: RunFolder) -> None:
    finished(run, "vgg16", begun=10.0)
    assert check(kept(), run, MACHINE).measured == {}


def test_an_unfinished_run_is_refused(run: RunFolder) -> None:
    run.winner_facts("vgg16").unlink()
    with pytest.raises(RunError, match="VGG16 has no winner"):
        check(kept(), run, MACHINE)


def test_a_copy_is_refused(run: RunFolder) -> None:
    at(run.study("vgg16").refit, 60.0)
    with pytest.raises(RunError, match="their times tell nothing"):
        check(kept(), run, MACHINE)
