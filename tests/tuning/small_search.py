"""A search so small that a test can run it, one that is only played, and trials and results.

TensorFlow is imported by the functions that need it and not before: a test divides the processor
among devices first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console

from data import GENDER, ImageStore
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Hyperparameters, Leg, TrialRecord, TrialResult
from tuning.runs.study_folder import StudyFolder
from tuning.runs.time_budget import TimeBudget

if TYPE_CHECKING:
    from tuning.backbones.registry import Backbone
    from tuning.runs.schema import WinnerFacts
    from tuning.search.context import SearchContext
    from tuning.search.steps import Head, Layout, Pass, Tail, Trained, Training
    from tuning.search.winner import Evaluation

SIZE = 64


def small_backbone(name: str = "googlenet") -> Backbone:
    """GoogLeNet up to its second stage, of which the second trains; any name will do."""
    from tuning.backbones.registry import BACKBONES, Tuning

    google = BACKBONES["googlenet"]
    stages, tunings = google.stages[:2], (Tuning(2, 1, 1e-3),)
    return replace(google, name=name, title=name.title(), stages=stages, attach=(2,),
                   tunings=tunings, frozen=1)  # fmt: skip


def small_context(
    folder: Path,
    images: int,
    console: Console | None = None,
    backbones: tuple[str, ...] = ("googlenet",),
) -> SearchContext:
    """A search of GoogLeNet at 64 px on `images` faces in noise, which soon converges."""
    from tuning.progress import Progress
    from tuning.runs.settings import Settings
    from tuning.search.context import SearchContext
    from tuning.search.presets import Preset
    from tuning.trunk.cache import TrunkCache

    settings = Settings(data="", backbones=backbones, preset="tiny", size=SIZE, weights="none")
    preset = Preset("tiny", SIZE, patience=1, challengers=1)
    cache = TrunkCache(folder / "cache", 1 << 30)
    run, progress = RunFolder(folder / "run"), Progress(console)
    run.path.mkdir(parents=True, exist_ok=True)
    return SearchContext(
        settings=settings, preset=preset, labels=(GENDER,), store=faces(images), cache=cache,
        run=run, progress=progress,
    )  # fmt: skip


def faces(train: int) -> ImageStore:
    """Bright men and dark women in noise: `train` images to learn from, 25 each to test on."""
    splits = ["train"] * train + ["val"] * 25 + ["test"] * 25
    labels = np.arange(len(splits)) % 2
    noise = np.random.default_rng(0).integers(0, 120, (len(splits), SIZE, SIZE, 3))
    images = (noise + 100 * labels[:, None, None, None]).astype(np.uint8)
    manifest = pd.DataFrame({"path": "", "label": labels, "identity": pd.NA, "split": splits})
    return ImageStore(images, manifest, (), f"faces {train}", SIZE, "stretch")


def chosen(
    depth: int,
    learning_rate: float = 3e-4,
    head_units: int = 0,
    dropout: float = 0.1,
    stages: int = 3,
    grid: int = 1,
) -> Hyperparameters:
    return Hyperparameters(
        stages=stages, depth=depth, grid=grid, learning_rate=learning_rate,
        head_units=head_units, dropout=dropout,
    )  # fmt: skip


def history(*accuracies: float) -> tuple[Leg, ...]:
    """Legs of a thousand images and a second each."""
    return tuple(
        Leg(
            leg=i + 1, images=1000 * (i + 1), seconds=1.0, loss=0.3, val_accuracy=value,
            val_auc=0.9, val_brier=1 - value, val_loss=0.3,
        )
        for i, value in enumerate(accuracies)
    )  # fmt: skip


def result_of(
    hyperparameters: Hyperparameters,
    *accuracies: float,
    brier: float | None = None,
    seconds: float = 2.0,
    trained: int = 1000,
) -> TrialResult:
    """The result of a training with these accuracies behind its legs, or of a head with one."""
    best = max(accuracies, default=0.8)
    brier = 1 - best if brier is None else brier
    return TrialResult(
        hyperparameters=hyperparameters, score=brier, val_accuracy=best, val_auc=0.9,
        val_brier=brier, val_loss=0.3, epochs=1000 * len(accuracies) / trained, seconds=seconds,
        trained=trained, history=history(*accuracies),
    )  # fmt: skip


def completed(
    trial: str, depth: int, *accuracies: float, ended: str = "converged", stages: int = 3
) -> TrialRecord:
    """A trial that has ended, or goes on where that is empty."""
    result = result_of(chosen(depth, stages=stages), *accuracies)
    values = result.hyperparameters.model_dump()
    return TrialRecord(trial=trial, values=values, result=result, ended=ended)


def best_trial(study: StudyFolder) -> TrialRecord:
    """The study's trial of the best score."""
    return min(study.trials(), key=lambda record: record.score)


def failed(trial: str, why: str) -> TrialRecord:
    return TrialRecord(trial=trial, values=chosen(1).model_dump(), result=None, ended=why)


@dataclass
class PlayedEngine:
    """Stands for whoever works on steps: none is done, each takes its seconds on a clock of ours.

    Heads are better the more stages and images they have, and trainings get better leg by leg.

    Attributes:
        slots: Number of steps side by side.
        seconds: What each kind of step takes, s; a pass that much an image.
        before: Called with backbone, step and what was asked, before the step; may raise.
        cached: Passes that were made, also by an engine before this one.
        done: Backbone, step and what was asked of all that was begun.
        now: The clock, s.
    """

    slots: int = 1
    seconds: dict[str, float] = field(
        default_factory=lambda: {"make_pass": 0.01, "fit_head": 1, "train": 10, "evaluate": 2}
    )
    before: Callable[[str, str, Any], None] = lambda *_: None
    cached: set[Any] = field(default_factory=set)
    done: list[tuple[str, str, Any]] = field(default_factory=list)
    now: float = 0.0
    stopped: bool = False

    @contextmanager
    def hands(self, context: SearchContext, backbone: Backbone, _: Any) -> Iterator[PlayedHands]:
        yield PlayedHands(self, context, backbone)

    def stop(self) -> None:
        self.stopped = True

    def steps(self, step: str, backbone: str | None = None) -> list[Any]:
        """What was asked of one kind of step."""
        return [
            asked for name, kind, asked in self.done if kind == step and backbone in (None, name)
        ]


class PlayedBudget(TimeBudget):
    """Time by the engine's clock."""

    def __init__(self, run: RunFolder, engine: PlayedEngine, minutes: float | None) -> None:
        super().__init__(run, minutes)
        self._engine = engine

    def spent(self) -> float:
        return self._engine.now


@dataclass
class PlayedHands:
    """One backbone's steps, by their names as `tuning.search.steps.Steps` has them."""

    engine: PlayedEngine
    context: SearchContext
    backbone: Backbone
    divides_passes = False

    @property
    def slots(self) -> int:
        return self.engine.slots

    def submit(self, step: Callable[..., Any], *args: Any) -> Future[Any]:
        name, asked, future = step.__name__, args[0] if args else None, Future[Any]()
        self.engine.done.append((self.backbone.name, name, asked))
        try:
            self.engine.before(self.backbone.name, name, asked)
            future.set_result(getattr(self, name)(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def layout(self) -> Layout:
        from tuning.search.steps import Layout

        cuts = range(1, len(self.backbone.stages) + 1)
        return Layout(
            shapes={cut: (4, 4, 8 * cut) for cut in cuts},
            grids=dict.fromkeys(cuts, (1, 2, 4)),
            gmacs={0: 0.0} | {cut: 0.1 * cut for cut in cuts},
        )

    def make_pass(self, wanted: Pass) -> int:
        key = (self.backbone.name, wanted)
        passed = 0 if key in self.engine.cached else wanted.count
        self.engine.cached.add(key)
        self.engine.now += passed * self.engine.seconds["make_pass"]
        return passed

    def fit_head(self, head: Head) -> Trained:
        from tuning.search.steps import Trained

        self.engine.now += self.engine.seconds["fit_head"]
        hp, images = head.hyperparameters, head.images.train * max(1, head.images.views)
        brier = 0.2 - 0.02 * hp.stages - 0.001 * hp.grid - 1e-4 * images
        result = result_of(hp, 1 - brier, seconds=1.0, trained=head.images.train)
        (leg,) = result.history
        history = (leg.model_copy(update={"images": images}),)
        return Trained(result.model_copy(update={"history": history}), str(brier).encode())

    def train(self, training: Training) -> Trained:
        from tuning.search.steps import Trained

        self.engine.now += (seconds := min(self.engine.seconds["train"], training.seconds))
        before = json.loads(training.checkpoint) if training.checkpoint else []
        seen = (before[-1]["images"] if before else 0) + training.leg
        brier = float(training.start.weights) * (0.5 + 0.5 * 2.0 ** (-seen / training.images.train))
        (leg,) = history(1 - brier)
        changed = {"leg": len(before) + 1, "images": seen, "seconds": seconds}
        legs = [*map(Leg.model_validate, before), leg.model_copy(update=changed)]
        checkpoint = json.dumps([each.model_dump() for each in legs]).encode()
        return Trained(training.result(legs), str(brier).encode(), checkpoint)

    def evaluate(self, tail: Tail) -> Evaluation:
        from tuning.search.winner import Evaluation, held_out_rows

        self.engine.now += self.engine.seconds["evaluate"]
        p = np.random.default_rng(0).random(len(held_out_rows(self.context.store.manifest)))
        return Evaluation(np.stack([1 - p, p], 1), b"a model", latency_ms=1.0, parameters=7)


def play(
    context: SearchContext, engine: PlayedEngine, minutes: float | None = None, **others: Any
) -> list[WinnerFacts]:
    """A session of a run whose steps are played; its backbones may have any names."""
    from tuning.backbones.weights import Weights
    from tuning.searches import search_all

    weights = {name: Weights("none", {}, "") for name in context.settings.backbones}
    budget = PlayedBudget(context.run, engine, minutes)
    return search_all(context, engine, weights, budget, **others)  # type: ignore[arg-type]
