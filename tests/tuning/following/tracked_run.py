"""A run's folder as a driver leaves it halfway, made from records: nothing is trained."""

from __future__ import annotations

from pathlib import Path

from small_search import chosen, completed, failed, history

from data import GENDER
from tuning.runs.leaderboard import write_leaderboard
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import RunConfig, SearchImages, WinnerFacts
from tuning.runs.settings import Settings

SCORES = {
    "count": 10, "accuracy": 0.8, "accuracy_interval": (0.49, 0.94), "balanced_accuracy": 0.8,
    "auc": 0.9, "brier": 0.1, "calibration_error": 0.02, "log_loss": 0.4,
    "confusion": ((4, 1), (1, 4)),
}  # fmt: skip


def begun_run(folder: Path, note: str = "", data: str = "CelebA") -> RunFolder:
    """One of two backbones has a head and a fine-tuned trial that goes on, perhaps a failed one."""
    run = RunFolder(folder / "faces")
    run.path.mkdir(parents=True, exist_ok=True)
    config = RunConfig(
        settings=Settings(data="faces", backbones=("googlenet", "vgg16"), size=96),
        data={"name": data, "synthetic": False, "fingerprint": "0a1b" * 16},
        images={"framing": "face", "splits": {"train": {"count": 1200, "identities": 0}}},
        weights="imagenet",
        versions={},
    )
    run.config.write_text(config.model_dump_json())
    study = run.study("googlenet")
    study.make()
    study.write_images(SearchImages(train=1000, val=200, views=1))
    study.write_trial(completed("0", 0, 0.75, ended="solved"))
    study.write_trial(completed("1", 1, 0.5, 0.7, 0.9, ended=""))
    if note:
        study.write_trial(failed("2", note))
    write_leaderboard(run)
    return run


def winner_of(backbone: str, label: str = "gender") -> WinnerFacts:
    raw = SCORES | {"uncalibrated": SCORES}
    point = {"least": (0.7, 0.7), "target_accuracy": 0.9, "accuracy": 0.9, "share_uncertain": 0.0}
    named = GENDER.model_copy(update={"name": label}).model_dump()
    return WinnerFacts(
        backbone=backbone, trial="1", size=96, history=history(0.7, 0.8), score=0.1,
        hyperparameters=chosen(1).model_dump(), latency_ms=5.0, parameters=10**6, bytes=10**7,
        seconds=2.0, created="2026-11-26T19:00:00+00:00", trained=1000,
        weights={"source": "none", "fingerprint": "0a"},
        labels=[{"label": named, "calibration": {"slope": 1, "bias": [0]},
                 "operating_point": point, "val": raw, "test": raw}],
    )  # fmt: skip
