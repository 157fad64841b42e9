"""What one trial costs, by part, and how that grows with images, epochs and trials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from rich.table import Table

from benchmarks.our_search import OurSearch
from benchmarks.trial_time import TimedTrial, further
from benchmarks.workload import Workload

DEPTHS = (0, 1, 2)
SHARES = (4, 2, 1)  # of the images, one over
GROWTH = (1, 2, 4)  # of epochs and of trials
LEAST_TRIALS = 4
_HEADS = 3


@dataclass(frozen=True)
class TrialParts:
    """One trial, seconds by part; together they are `whole`, where it is one trial.

    Attributes:
        prepare: Seconds to put the pretrained weights back and build head and tail.
        head: Seconds of the head's training; below a tail, of its warm-up.
        tail_graph: Seconds that the tail's first epoch takes longer than the others.
        tail: Seconds of the rest of the tail's training.
        checkpoint: Seconds to write the weights, where they are the best so far.
        keras_tuner: Seconds of Keras Tuner's oracle and files, and of our records.
        whole: Seconds from the end of the trial before.
        head_epoch: Seconds of one epoch at depth 0, else 0.
        tail_epoch: Seconds of one epoch of the tail, else 0.

    Example:
        >>> trial = TimedTrial({"depth": 1}, 0.9, 2, 9.0, training=8.0, epoch_seconds=(4.0, 1.0))
        >>> parts = TrialParts.of(trial, {"warm-up": 2.0, "checkpoint": 0.5})
        >>> parts.prepare, parts.head, parts.tail_graph, parts.tail, parts.keras_tuner
        (1.0, 2.0, 3.0, 2.0, 0.5)
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
    def of(cls, trial: TimedTrial, noted: Mapping[str, float]) -> TrialParts:
        """Divide a trial's time.

        Args:
            trial: Trial of our search with the seconds of its epochs.
            noted: Seconds that the stopwatch noted during it: "warm-up", "checkpoint".
        """
        epochs, checkpoint = sum(trial.epoch_seconds), noted.get("checkpoint", 0.0)
        is_deep = trial.values["depth"] > 0
        head = noted.get("warm-up", 0.0) if is_deep else epochs
        tail = epochs if is_deep else 0.0
        graph = trial.graph_seconds if is_deep else 0.0
        return cls(
            prepare=trial.training - head - tail,
            head=head,
            tail_graph=graph,
            tail=tail - graph,
            checkpoint=checkpoint,
            keras_tuner=trial.seconds - trial.training - checkpoint,
            whole=trial.seconds,
            head_epoch=0.0 if is_deep else trial.later_epoch_seconds,
            tail_epoch=trial.later_epoch_seconds if is_deep else 0.0,
        )


@dataclass(frozen=True)
class DepthCost:
    """What a trial at one depth costs.

    Attributes:
        depth: Fine-tuning depth, 0 for a head alone.
        trunk_share: Seconds of its share of the trunk pass.
        parts: Seconds of the trial itself by part.
    """

    depth: int
    trunk_share: float
    parts: TrialParts


@dataclass(frozen=True)
class Growth:
    """How a part's seconds grow.

    Attributes:
        part: Name of what was timed.
        by: What grows: "images", "epochs" or "trials".
        at: Numbers of images, epochs or trials, in increasing order.
        seconds: Seconds at each number.
        ratio: Ratio of the seconds to the first, None where that is 0.

    Example:
        >>> Growth.of("trunk pass", "images", {100: 2.0, 200: 4.5}).ratio
        [1.0, 2.25]
    """

    part: str
    by: str
    at: list[int]
    seconds: list[float]
    ratio: list[float | None]

    @classmethod
    def of(cls, part: str, by: str, seconds: Mapping[int, float]) -> Growth:
        """Take the ratios.

        Args:
            part: Name of what was timed.
            by: What grows: "images", "epochs" or "trials".
            seconds: Seconds at each number.
        """
        values = list(seconds.values())
        ratio = [value / values[0] if values[0] else None for value in values]
        return cls(part, by, list(seconds), values, ratio)


@dataclass(frozen=True)
class BackboneCosts:
    """What the trials of one backbone cost.

    Attributes:
        backbone: Name of the backbone.
        trunk_ms: Time of one image and view in the trunk pass over most images.
        plan_seconds: Seconds of the probes by which a study plans its trials, once a study.
        trials: Number of trials that share the trunk pass in `costs`.
        costs: Cost of a trial at each depth with most images.
        growth: Growth of each part.
    """

    backbone: str
    trunk_ms: float
    plan_seconds: float
    trials: int
    costs: list[DepthCost]
    growth: list[Growth]


class _Side:
    """Our search on one number of images, its times by part."""

    def __init__(self, workload: Workload, name: str) -> None:
        self.images = workload.images("train") + workload.images("val")
        self.passes = self.images + workload.images("train")  # training images in two views
        self.trunk = OurSearch(workload, name, DEPTHS).stopwatch.take()["trunk"]
        self._search = OurSearch(workload, name, DEPTHS)
        self.cached = self._search.stopwatch.take()["trunk"]

    def study(self, depth: int, trials: int, epochs: int) -> list[TrialParts]:
        parts: list[TrialParts] = []
        stopwatch = self._search.stopwatch
        stopwatch.take()
        self._search.study(
            depth, trials, epochs,
            lambda trial: parts.append(TrialParts.of(trial, stopwatch.take())),
        )  # fmt: skip
        return parts

    def at_depths(self, epochs: int) -> dict[int, TrialParts]:
        """A typical trial at each depth."""
        return {
            depth: _typical(self.study(depth, 1 if depth else _HEADS, epochs)) for depth in DEPTHS
        }

    def plan_seconds(self) -> float:
        return self._search.plan_seconds()


def run(workload: Workload, epochs: int) -> list[BackboneCosts]:
    """Measure all backbones of the settings.

    Args:
        workload: Images and weights; a quarter and half of the images are measured as well.
        epochs: Number of epochs of the shortest trial; twice and four times as many are measured
            as well.
    """
    return [_measure(workload, name, epochs) for name in workload.settings.backbones]


def _measure(workload: Workload, name: str, epochs: int) -> BackboneCosts:
    say = workload.progress.say
    samples = workload.settings.samples or len(workload.store.manifest)
    sides: list[_Side] = []
    trials: list[dict[int, TrialParts]] = []
    for share in SHARES:
        say(f"{name}: {samples // share} images")
        sides.append(_Side(workload.smaller(samples // share), name))
        if not trials:
            sides[0].study(0, 1, 1)  # makes what the process needs once
        trials.append(sides[-1].at_depths(epochs))
    few, most = sides[0], sides[-1]
    count = _HEADS + len(DEPTHS) - 1
    costs = [DepthCost(depth, most.trunk / count, parts) for depth, parts in trials[-1].items()]
    say(f"{name}: growth with epochs and trials")
    return BackboneCosts(
        backbone=name,
        trunk_ms=1e3 * most.trunk / most.passes,
        plan_seconds=most.plan_seconds(),
        trials=count,
        costs=costs,
        growth=[
            *_by_images(sides, trials),
            *_by_epochs(few, epochs),
            *_by_trials(few, epochs),
        ],
    )


def _by_images(sides: list[_Side], trials: list[dict[int, TrialParts]]) -> Iterator[Growth]:
    numbers = [side.images for side in sides]

    def growth(part: str, seconds: Iterable[float]) -> Growth:
        return Growth.of(part, "images", dict(zip(numbers, seconds, strict=True)))

    yield growth("trunk pass", (side.trunk for side in sides))
    yield growth("trunk, cached", (side.cached for side in sides))
    yield growth("head, an epoch", (parts[0].head_epoch for parts in trials))
    for depth in DEPTHS[1:]:
        tails = [parts[depth] for parts in trials]
        yield growth(f"tail at depth {depth}, an epoch", (tail.tail_epoch for tail in tails))
        yield growth(f"tail at depth {depth}, graph", (tail.tail_graph for tail in tails))
    for depth in DEPTHS:
        yield growth(f"checkpoint at depth {depth}", (parts[depth].checkpoint for parts in trials))
    yield growth("Keras Tuner, a trial", (parts[0].keras_tuner for parts in trials))


def _by_epochs(few: _Side, epochs: int) -> Iterator[Growth]:
    for depth in DEPTHS[:2]:
        trials = {epochs * n: few.study(depth, 2, epochs * n)[-1] for n in GROWTH}
        title = f"trial at depth {depth}"
        yield Growth.of(title, "epochs", {n: trial.whole for n, trial in trials.items()})


def _by_trials(few: _Side, epochs: int) -> Iterator[Growth]:
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


def content(workload: Workload, epochs: int, measured: Sequence[BackboneCosts]) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        workload: Images and weights that were measured.
        epochs: Number of epochs of the shortest trial.
        measured: Costs that `run` returned, one for each backbone.
    """
    return {**workload.facts(), "epochs": epochs, "backbones": [asdict(item) for item in measured]}


def tables(workload: Workload, epochs: int, measured: Sequence[BackboneCosts]) -> Iterator[Table]:
    """Make two tables for each backbone: cost of a trial by part, and growth.

    Args:
        workload: Images and weights that were measured.
        epochs: Number of epochs of the shortest trial.
        measured: Costs that `run` returned, one for each backbone.
    """
    for item in measured:
        yield _costs(workload, epochs, item)
        yield _growth(item)


def _costs(workload: Workload, epochs: int, item: BackboneCosts) -> Table:
    table = Table(
        title=f"{item.backbone}: seconds of one trial by part, {workload.caption()}, "
        f"{workload.settings.size} px, {epochs} epochs, {workload.settings.policy}",
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


def _growth(item: BackboneCosts) -> Table:
    table = Table(title=f"{item.backbone}: growth, seconds (ratio to the first)")
    for head in ("part", "by"):
        table.add_column(head, no_wrap=True)
    for head in ("least", "middle", "most"):
        table.add_column(head, justify="right")
    for growth in item.growth:
        cells = (
            f"{at}: {seconds:.3f}" + ("" if ratio is None else f" ({ratio:.1f})")
            for at, seconds, ratio in zip(growth.at, growth.seconds, growth.ratio, strict=True)
        )
        table.add_row(growth.part, growth.by, *cells)
    return table
