"""What one trial costs, by part, and how that grows with images, epochs and trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from rich.table import Table

from benchmarks.ours import Ours
from benchmarks.subject import Subject
from benchmarks.timing import Stopwatch, TimedTrial, further
from tuning.runs.study_folder import StudyFolder
from tuning.training import trial as trial_module
from tuning.trunk.cache import TrunkCache

DEPTHS = (0, 1, 2)
SHARES = (4, 2, 1)  # of the images, one over
GROWTH = (1, 2, 4)  # of epochs and of trials
LEAST_TRIALS = 4
_HEADS = 3


@dataclass(frozen=True)
class TrialParts:
    """One trial, seconds by part; together they are `whole`, where it is one trial.

    Attributes:
        prepare: pretrained weights put back, head and tail built.
        head: its training; below a tail, its warm-up.
        tail_graph: what the tail's first epoch takes longer than the others.
        tail: the rest of the tail's training.
        checkpoint: weights written, where they are the best so far.
        keras_tuner: its oracle and its files, and our records.
        whole: from the end of the trial before.
        head_epoch: of one epoch at depth 0, else 0.
        tail_epoch: of one epoch of the tail, else 0.
    """

    prepare: float
    head: float
    tail_graph: float
    tail: float
    checkpoint: float
    keras_tuner: float
    whole: float
    head_epoch: float
    tail_epoch: float

    @classmethod
    def of(cls, trial: TimedTrial, watched: dict[str, float]) -> TrialParts:
        """From a trial's time and what the stopwatch saw meanwhile."""
        head, fit = watched.get("head", 0.0), watched.get("tail", 0.0)
        checkpoint = watched.get("checkpoint", 0.0)
        deep = trial.values["depth"] > 0
        graph = trial.graph_seconds if deep else 0.0
        return cls(
            prepare=trial.training - head - fit,
            head=head,
            tail_graph=graph,
            tail=fit - graph,
            checkpoint=checkpoint,
            keras_tuner=trial.seconds - trial.training - checkpoint,
            whole=trial.seconds,
            head_epoch=0.0 if deep else trial.later_epoch_seconds,
            tail_epoch=trial.later_epoch_seconds if deep else 0.0,
        )


@dataclass(frozen=True)
class Cost:
    """One trial at a depth: `TrialParts`, and its share of the trunk pass."""

    depth: int
    trunk_share: float
    parts: TrialParts


@dataclass(frozen=True)
class Growth:
    """How a part's seconds grow.

    Attributes:
        part: what was timed.
        by: "images", "epochs" or "trials".
        at: numbers of these.
        seconds: at each.
        ratio: of seconds, to the first; None where that is 0.
    """

    part: str
    by: str
    at: list[int]
    seconds: list[float]
    ratio: list[float | None]

    @classmethod
    def of(cls, part: str, by: str, seconds: dict[int, float]) -> Growth:
        """From the seconds at each number."""
        values = list(seconds.values())
        ratio = [value / values[0] if values[0] else None for value in values]
        return cls(part, by, list(seconds), values, ratio)


@dataclass(frozen=True)
class Measured:
    """One backbone.

    Attributes:
        trunk_ms: of one image and view in the trunk pass over most images.
        plan_seconds: of the probes by which a study plans its trials, once a study.
        trials: that the trunk pass is shared by in `costs`.
        costs: of a trial at each depth with most images.
        growth: of each part.
    """

    backbone: str
    trunk_ms: float
    plan_seconds: float
    trials: int
    costs: list[Cost]
    growth: list[Growth]


class _Watched:
    """Our side with a stopwatch in it."""

    def __init__(self, subject: Subject, name: str) -> None:
        self.images = subject.images("train") + subject.images("val")
        self.passes = self.images + subject.images("train")  # training images in two views
        self._stopwatch = Stopwatch()
        with self._stopwatch.watch(TrunkCache, "activations", "trunk"):
            Ours(subject, name, DEPTHS)
            self.trunk = self._stopwatch.take()["trunk"]
            self._ours = Ours(subject, name, DEPTHS)
            self.cached = self._stopwatch.take()["trunk"]

    def study(self, depth: int, trials: int, epochs: int) -> list[TrialParts]:
        parts: list[TrialParts] = []
        with _watching(self._stopwatch):
            self._ours.study(
                depth, trials, epochs,
                lambda trial: parts.append(TrialParts.of(trial, self._stopwatch.take())),
            )  # fmt: skip
        return parts

    def plan_seconds(self) -> float:
        return self._ours.plan_seconds()


@contextmanager
def _watching(stopwatch: Stopwatch) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(stopwatch.watch(trial_module, "fit_head", "head"))
        stack.enter_context(stopwatch.watch(trial_module, "fit_tail", "tail"))
        stack.enter_context(stopwatch.watch(StudyFolder, "keep_if_best", "checkpoint"))
        yield


def run(subject: Subject, epochs: int) -> list[Measured]:
    """Measure all backbones of the settings.

    Args:
        subject: images and weights; a quarter and half of the images are measured as well.
        epochs: of the shortest trial; twice and four times as many are measured as well.
    """
    return [_measure(subject, name, epochs) for name in subject.settings.backbones]


def _measure(subject: Subject, name: str, epochs: int) -> Measured:
    say = subject.progress.say
    samples = subject.settings.samples or len(subject.store.manifest)
    by_size: dict[int, tuple[_Watched, dict[int, TrialParts]]] = {}
    for share in SHARES:
        say(f"{name}: {samples // share} images")
        watched = _Watched(subject.smaller(samples // share), name)
        if not by_size:
            watched.study(0, 1, 1)  # makes what the process needs once
        by_size[watched.images] = (
            watched,
            {
                depth: _typical(watched.study(depth, 1 if depth else _HEADS, epochs))
                for depth in DEPTHS
            },
        )
    most, costs = by_size[max(by_size)]
    few, _ = by_size[min(by_size)]
    trials = _HEADS + len(DEPTHS) - 1
    say(f"{name}: growth with epochs and trials")
    return Measured(
        backbone=name,
        trunk_ms=1e3 * most.trunk / most.passes,
        plan_seconds=most.plan_seconds(),
        trials=trials,
        costs=[Cost(depth, most.trunk / trials, parts) for depth, parts in costs.items()],
        growth=[
            *_by_images(by_size),
            *_by_epochs(few, epochs),
            *_by_trials(few, epochs),
        ],
    )


def _by_images(by_size: dict[int, tuple[_Watched, dict[int, TrialParts]]]) -> Iterator[Growth]:
    watched = {images: side for images, (side, _) in by_size.items()}
    yield Growth.of("trunk pass", "images", {n: side.trunk for n, side in watched.items()})
    yield Growth.of("trunk, cached", "images", {n: side.cached for n, side in watched.items()})
    parts = {images: trials for images, (_, trials) in by_size.items()}
    yield Growth.of("head, an epoch", "images", {n: t[0].head_epoch for n, t in parts.items()})
    for depth in DEPTHS[1:]:
        for title, field in (
            (f"tail at depth {depth}, an epoch", "tail_epoch"),
            (f"tail at depth {depth}, graph", "tail_graph"),
        ):
            yield Growth.of(
                title, "images", {n: getattr(t[depth], field) for n, t in parts.items()}
            )
    for depth in DEPTHS:
        title = f"checkpoint at depth {depth}"
        yield Growth.of(title, "images", {n: t[depth].checkpoint for n, t in parts.items()})
    title = "Keras Tuner, a trial"
    yield Growth.of(title, "images", {n: t[0].keras_tuner for n, t in parts.items()})


def _by_epochs(few: _Watched, epochs: int) -> Iterator[Growth]:
    for depth in DEPTHS[:2]:
        trials = {epochs * n: few.study(depth, 2, epochs * n)[-1] for n in GROWTH}
        title = f"trial at depth {depth}"
        yield Growth.of(title, "epochs", {n: trial.whole for n, trial in trials.items()})


def _by_trials(few: _Watched, epochs: int) -> Iterator[Growth]:
    studies = {n: few.study(0, n, epochs) for n in (LEAST_TRIALS * n for n in GROWTH)}
    whole = {n: sum(trial.whole for trial in trials) for n, trials in studies.items()}
    yield Growth.of("study at depth 0", "trials", whole)
    tuner = {n: mean(trial.keras_tuner for trial in trials) for n, trials in studies.items()}
    yield Growth.of("Keras Tuner, a trial", "trials", tuner)


def _typical(trials: Sequence[TrialParts]) -> TrialParts:
    """Median of each part; of the checkpoint the most, as only the best trials write one."""
    rows = [asdict(trial) for trial in further(trials)]
    typical = {part: median(row[part] for row in rows) for part in rows[0]}
    return TrialParts(**typical | {"checkpoint": max(trial.checkpoint for trial in trials)})


def content(subject: Subject, epochs: int, measured: Sequence[Measured]) -> dict[str, Any]:
    """For JSON."""
    return {**subject.facts(), "epochs": epochs, "backbones": [asdict(item) for item in measured]}


def tables(subject: Subject, epochs: int, measured: Sequence[Measured]) -> Iterator[Table]:
    """Cost of a trial by part, then growth."""
    for item in measured:
        yield _costs(subject, epochs, item)
        yield _growth(item)


def _costs(subject: Subject, epochs: int, item: Measured) -> Table:
    images = f"{subject.images('train')} training and {subject.images('val')} validation images"
    table = Table(
        title=f"{item.backbone}: seconds of one trial by part, {images}, "
        f"{subject.settings.size} px, {epochs} epochs, {subject.settings.precision}",
        caption=f"trunk: {item.trunk_ms:.1f} ms an image and view, the pass shared by "
        f"{item.trials} trials; the study's plan, once: {item.plan_seconds:.1f} s",
    )
    for head in (
        "depth", "trunk's share", "prepare", "head", "tail, graph", "tail", "checkpoint",
        "Keras Tuner", "trial",
    ):  # fmt: skip
        table.add_column(head, justify="right")
    for cost in item.costs:
        parts = cost.parts
        figures = (
            cost.trunk_share, parts.prepare, parts.head, parts.tail_graph, parts.tail,
            parts.checkpoint, parts.keras_tuner, parts.whole,
        )  # fmt: skip
        table.add_row(str(cost.depth), *(f"{seconds:.2f}" for seconds in figures))
    return table


def _growth(item: Measured) -> Table:
    table = Table(title=f"{item.backbone}: growth, seconds (ratio to the first)")
    for head in ("part", "by"):
        table.add_column(head, no_wrap=True)
    for head in ("least", "middle", "most"):
        table.add_column(head, justify="right")
    for row in item.growth:
        cells = (
            f"{at}: {seconds:.3f}" + ("" if ratio is None else f" ({ratio:.1f})")
            for at, seconds, ratio in zip(row.at, row.seconds, row.ratio, strict=True)
        )
        table.add_row(row.part, row.by, *cells)
    return table
