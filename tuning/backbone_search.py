"""From one backbone's weights to its winner: trunk pass, plan, study, refit, evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from data import ImageStore, class_weights
from tuning import presets, study, trial, winner
from tuning.backbones import Backbone
from tuning.cache import VIEWS, ImageSet, PixelView, TrunkCache
from tuning.files import read_json, write_json
from tuning.model import TransferModel, pooled_statistics
from tuning.presets import Preset
from tuning.progress import Progress
from tuning.run_folder import RunFolder, Settings
from tuning.study import TrialRecord
from tuning.trial import Examples, Hyperparameters, TrialResult
from tuning.weights import Weights


@dataclass(frozen=True)
class Task:
    """What every backbone's search works with."""

    run: RunFolder
    settings: Settings
    preset: Preset
    store: ImageStore
    cache: TrunkCache
    progress: Progress


def search(
    task: Task,
    backbone: Backbone,
    weights: Weights,
    seconds: float | None,
    on_trial: Callable[[list[TrialRecord]], None],
) -> dict[str, Any]:
    """Find, refit, evaluate and save a backbone's winner; what is done already is not done again.

    Args:
        task: run, data, settings.
        backbone: to search.
        weights: its pretrained weights.
        seconds: for all of it, None for no limit.
        on_trial: called with the study's trials after each.

    Returns:
        the winner's facts.
    """
    facts = read_json(task.run.winner_facts(backbone.name))
    if facts and task.run.winner(backbone.name).exists():
        return facts
    return _Search(task, backbone, weights, seconds).run(on_trial)


class _Search:
    def __init__(
        self, task: Task, backbone: Backbone, weights: Weights, seconds: float | None
    ) -> None:
        self.task = task
        self.backbone = backbone
        self.weights = weights
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.folder = task.run.study(backbone.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model = TransferModel(backbone, task.settings.size, weights, task.settings.precision)
        self.depths = [d for d in range(len(task.preset.trials)) if d <= backbone.max_depth]

    def run(self, on_trial: Callable[[list[TrialRecord]], None]) -> dict[str, Any]:
        self.train, self.val = self._examples("train", VIEWS), self._examples("val", VIEWS[:1])
        self.statistics = pooled_statistics(self.train.views[0][0])
        plan = self._plan()
        self.task.progress.planned(plan["depths"])
        records: list[TrialRecord] = []

        def finished(record: TrialRecord) -> None:
            records[:] = [r for r in records if r.trial != record.trial] + [record]
            best = study.best_of(self.folder)
            self.task.progress.trial_done(record, best)
            on_trial(records)

        records[:] = study.search(
            self._run_trial,
            folder=self.folder,
            algorithm=self.task.settings.algorithm,
            depths=plan["depths"],
            epochs=self.task.preset.epochs,
            seed=self.task.settings.seed,
            out_of_time=self._out_of_time,
            on_trial=finished,
        )
        on_trial(records)
        origin = self._refit(plan["epoch_seconds"])
        return self._finish(origin)

    def _examples(self, split: str, views: tuple[str, ...]) -> Examples:
        manifest = self.task.store.manifest
        rows = np.flatnonzero(manifest["split"] == split)
        images = ImageSet.of(self.task.store.images, rows, self.task.store.fingerprint)
        frozen = [depth for depth in self.depths if depth < self.backbone.max_depth]
        cached = self.task.cache.activations(
            self.model, images, frozen, views, self.task.progress.steps(f"trunk, {split} images")
        )
        by_depth: dict[int, list[Any]] = {d: [cached[d, v] for v in views] for d in frozen}
        if self.backbone.max_depth in self.depths:
            by_depth[self.backbone.max_depth] = [PixelView(images, view) for view in views]
        labels = manifest["label"].to_numpy(dtype=np.float32)[rows]
        weight = class_weights(manifest["label"][manifest["split"] == "train"])
        weights = np.where(labels == 1, weight[1], weight[0]).astype(np.float32)
        return Examples(by_depth, labels, weights)

    def _plan(self) -> dict[str, Any]:
        """The study's plan; a study that is taken up again keeps its own."""
        path = self.folder / "plan.json"
        kept = read_json(path)
        if kept:
            return kept
        costs = []
        for depth in self.depths:
            costs.append(trial.epoch_seconds(self.model, depth, self.train, self.statistics))
        depths = presets.plan(self.task.preset, costs, self._time_left())
        content = {"depths": list(depths), "epoch_seconds": costs}
        write_json(path, content)
        return content

    def _run_trial(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, keras.Model]:
        return trial.run(
            self.model,
            hyperparameters,
            self.train,
            self.val,
            self.statistics,
            epochs=epochs,
            patience=self.task.preset.patience,
            seed=self.task.settings.seed,
            on_epoch=self.task.progress.epochs(name, hyperparameters),
        )

    def _refit(self, epoch_seconds: list[float]) -> str:
        """Train the best configuration longer; keep whichever is better on validation images."""
        done = read_json(self.folder / "refit.json")
        if done:
            return done["origin"]
        best = study.best_of(self.folder)
        if best is None:
            raise RuntimeError(f"no trial of {self.backbone.title} succeeded: see the leaderboard")
        depth = best.hyperparameters.depth
        epochs = presets.refit_epochs(self.task.preset, epoch_seconds[depth], self._time_left())
        result, tail = self._run_trial(best.hyperparameters, epochs, "refit")
        origin = "refit" if result.val_brier < best.val_brier else "trial"
        if origin == "refit":
            study.save_best(self.folder, result, tail)
        self.task.progress.refit_done(result, best)
        write_json(self.folder / "refit.json", {"origin": origin, "result": result.to_dict()})
        return origin

    def _finish(self, origin: str) -> dict[str, Any]:
        result = study.best_of(self.folder)
        assert result is not None
        exact = TransferModel(self.backbone, self.task.settings.size, self.weights)
        return winner.finish(
            self.task.run,
            exact,
            result,
            origin,
            self.statistics,
            self.task.store.images,
            self.task.store.manifest,
            self.task.progress.steps("validation and test images"),
        )

    def _time_left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()

    def _out_of_time(self) -> bool:
        left = self._time_left()
        return left is not None and left <= 0


def trial_rows(backbone: str, records: list[TrialRecord]) -> list[dict[str, Any]]:
    """Rows of the leaderboard."""
    rows = []
    for record in records:
        hp, result = record.hyperparameters, record.result
        rows.append(
            {
                "backbone": backbone,
                "trial": record.trial,
                "depth": hp.depth,
                "learning_rate": hp.learning_rate,
                "head_units": hp.head_units,
                "dropout": hp.dropout,
                "epochs": result.epochs if result else None,
                "val_accuracy": result.val_accuracy if result else None,
                "val_auc": result.val_auc if result else None,
                "val_brier": result.val_brier if result else None,
                "val_loss": result.val_loss if result else None,
                "seconds": round(result.seconds, 2) if result else None,
                "status": record.status,
                "note": record.note,
            }
        )
    return rows
