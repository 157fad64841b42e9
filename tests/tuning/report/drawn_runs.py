"""Finished runs without a search: records, tables and predictions as a run would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from small_search import chosen, completed, failed, history

from data import SPLITS, Label
from data.labels import class_slices, code_columns, codes_of, decisions, to_table
from data.manifest import DATASET
from tuning.metrics import Calibration, evaluate, operating_point, subgroups
from tuning.report import report
from tuning.runs.leaderboard import read_leaderboard, write_leaderboard
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import (
    DataFacts,
    ImageFacts,
    LabelFacts,
    RunConfig,
    RunMetrics,
    SplitFacts,
    TestScores,
    ValScores,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.runs.settings import Settings
from tuning.runs.timeline import TimelineRow, add_row

WINNERS = ("googlenet", "vgg16")
STEPS = (
    TimelineRow(0.0, 30.0, "googlenet", "pass", 1000, 2, "", None, None, None, None),
    TimelineRow(30.0, 36.0, "googlenet", "head", 1000, None, "0", 0, 0.4, 0.6, 1000),
    TimelineRow(36.0, 96.0, "vgg16", "leg", 1000, None, "1", 1, 0.2, 0.8, 1000),
    TimelineRow(96.0, 99.0, "", "report", 0, None, "", None, None, None, None),
)
COST = {"latency_ms": 12.5, "parameters": 6_200_000, "bytes": 25_300_000}


class Tags(HTMLParser):
    """The page's start tags with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def finished_run(
    root: Path, labels: Sequence[Label], manifest: pd.DataFrame, p: np.ndarray
) -> RunFolder:
    """A run of two backbones, four trials each, one failed; GoogLeNet's winner is a head.

    Both predict `p`, float [N, K], for the images of the manifest; the training images' row of it
    are predictions out of fold.
    """
    run = RunFolder(root / "run")
    rng = np.random.default_rng(0)
    for path in map(Path, manifest["path"]):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    (run.path / "predictions").mkdir(parents=True)
    manifest.to_csv(run.manifest, index=False)
    table = pd.concat([manifest[["split", *code_columns(labels)]], to_table(labels, p)], axis=1)
    train = table["split"] == "train"
    for name in WINNERS:
        study = run.study(name)
        for record in (
            completed("0", 0, 0.6, ended="solved", stages=2),
            completed("1", 1, 0.6, 0.8),
            completed("2", 2, 0.7, ended=""),
            failed("3", "loss <nan>"),
        ):
            study.write_trial(record)
        table[~train].to_csv(run.predictions(name), index_label="row")
        if train.any():
            table[train].to_csv(study.out_of_fold, index_label="row")
    for step in STEPS:
        add_row(run, step)
    write_leaderboard(run)
    return run


def page_of(
    run: RunFolder,
    labels: Sequence[Label],
    manifest: pd.DataFrame,
    p: np.ndarray,
    trained: int = 44,
    images: np.ndarray | None = None,
    **settings: object,
) -> str:
    """The report of the run, whose winners were trained on so many images."""
    facts = winner_facts(labels, manifest, p).model_copy(update={"trained": trained})
    winners = {
        name: facts.model_copy(update={"backbone": name, "trial": trial})
        for name, trial in zip(WINNERS, ("0", "1"), strict=True)
    }
    split = SplitFacts(
        count=44,
        identities=5,
        classes={label.name: dict.fromkeys(label.classes, 22) for label in labels},
    )
    config = RunConfig(
        settings=Settings(data="", backbones=WINNERS, preset="quick", size=64).model_copy(
            update=settings
        ),
        data=DataFacts(name="Folder <b>", synthetic=False, fingerprint="f"),
        images=ImageFacts(framing="stretch", splits=dict.fromkeys(SPLITS, split)),
        weights="imagenet",
        versions={"keras": "3"},
        labels=tuple(labels),
    )
    metrics = RunMetrics(run="tiny", notices=("A notice.",), seconds=60.0, winners=winners)
    report.write(run, config, metrics, read_leaderboard(run), images)
    return run.report.read_text(encoding="utf-8")


def winner_facts(labels: Sequence[Label], manifest: pd.DataFrame, p: np.ndarray) -> WinnerFacts:
    """Facts of a winner; its figures on validation images are those on test images."""
    test = (manifest["split"] == "test").to_numpy()
    return WinnerFacts(
        backbone=WINNERS[0],
        trial="1",
        hyperparameters=chosen(1),
        score=0.1,
        size=64,
        weights=WeightsOrigin(source="imagenet", fingerprint="w"),
        labels=[
            _label_facts(label, codes_of(manifest)[test, number], p[test, at], manifest[test])
            for number, (label, at) in enumerate(zip(labels, class_slices(labels), strict=True))
        ],
        **COST,
        history=history(0.6, 0.8),
        seconds=2.0,
        created="2026-11-26T19:00:00+00:00",
        trained=44,
    )


def _label_facts(
    label: Label, codes: np.ndarray, p: np.ndarray, manifest: pd.DataFrame
) -> LabelFacts:
    scores = evaluate(label, codes, p)
    correct = decisions(p) == codes
    names = manifest[DATASET].to_numpy() if DATASET in manifest else np.array([])
    return LabelFacts(
        label=label,
        calibration=Calibration.none(label),
        operating_point=operating_point(codes, p),
        val=ValScores(**dict(scores), uncalibrated=scores),
        test=TestScores(
            **dict(scores),
            uncalibrated=scores,
            subgroups=subgroups(manifest, list(manifest.select_dtypes(bool)), correct, minimum=5),
            datasets={
                str(name): evaluate(label, codes[names == name], p[names == name])
                for name in pd.unique(names)
            },
        ),
    )
