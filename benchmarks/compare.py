"""The same trials by plain Keras Tuner and by us, in turn, and how soon each finds the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks import plain
from benchmarks.ours import Ours
from benchmarks.subject import Subject
from benchmarks.timing import TimedTrial, further
from tuning.backbones.registry import BACKBONES

DEPTHS = (0, 1, 2)
TEN = 10
OUR_TRIALS = {0: TEN + 1, 1: 2, 2: 1}


@dataclass(frozen=True)
class AtDepth:
    """The trials at one fine-tuning depth.

    Attributes:
        plain: plain Keras Tuner's trials; ours begin with the same hyperparameters.
        ours: as many, then further ones.
        plain_seconds: median of a trial.
        our_seconds: median of a further trial: the trunk's activations and the graphs are there.
        ratio: between the two.
    """

    depth: int
    plain: list[TimedTrial]
    ours: list[TimedTrial]
    plain_seconds: float
    our_seconds: float
    ratio: float

    @classmethod
    def of(cls, depth: int, theirs: list[TimedTrial], ours: list[TimedTrial]) -> AtDepth:
        """Take the medians."""
        plain_seconds = median(trial.seconds for trial in theirs)
        our_seconds = median(trial.seconds for trial in further(ours))
        return cls(depth, theirs, ours, plain_seconds, our_seconds, plain_seconds / our_seconds)

    @property
    def first_accuracies(self) -> tuple[float, float]:
        """Of the trial that both sides ran first: plain Keras Tuner's, ours."""
        return self.plain[0].accuracy, self.ours[0].accuracy


@dataclass(frozen=True)
class TimeToBest:
    """How long it takes to reach the best validation accuracy of plain Keras Tuner's search.

    Attributes:
        accuracy: that one, 0..1.
        plain_seconds: until the end of the trial in which plain Keras Tuner finds it.
        plain_search_seconds: of its whole search.
        our_seconds: until the end of our trial that reaches it, plan and trunk pass counted; None:
            not in the whole study.
        our_trials: run until then, or all.
        ratio: `plain_seconds` over `our_seconds`, None where we do not reach it.
        search_ratio: `plain_search_seconds` over `our_seconds`, likewise.
        spent: where our seconds went, by part.
    """

    accuracy: float
    plain_seconds: float
    plain_search_seconds: float
    our_seconds: float | None
    our_trials: int
    ratio: float | None
    search_ratio: float | None
    spent: dict[str, float]


@dataclass(frozen=True)
class Target:
    """A figure that is wanted, and what was reached: times as fast."""

    what: str
    wanted: float
    reached: float | None

    @property
    def met(self) -> bool:
        """Whether it was."""
        return self.reached is not None and self.reached >= self.wanted


@dataclass(frozen=True)
class Compared:
    """One backbone.

    Attributes:
        plan_seconds: of the probes by which our search plans its trials.
        trunk_seconds: of the one pass that serves all depths and trials, with making its model.
        trunk_seconds_a_trial: the same spread over our study.
        depths: trials at each depth.
        ten_ratio: ten trials at depth 0: ten times plain's median over our first ten and the pass.
        list_ratio: the trials that both sides ran, plan and trunk pass counted on ours.
        best: see `TimeToBest`.
    """

    backbone: str
    plan_seconds: float
    trunk_seconds: float
    trunk_seconds_a_trial: float
    depths: list[AtDepth]
    ten_ratio: float
    list_ratio: float
    best: TimeToBest

    @classmethod
    def of(cls, backbone: str, plan: float, trunk: float, depths: list[AtDepth]) -> Compared:
        """Derive the figures from the trials."""
        heads = next(at for at in depths if at.depth == 0)
        same = [(at.plain, at.ours[: len(at.plain)]) for at in depths]
        theirs = sum(_seconds(first) for first, _ in same)
        return cls(
            backbone,
            plan,
            trunk,
            trunk / sum(len(at.ours) for at in depths),
            depths,
            TEN * heads.plain_seconds / (trunk + _seconds(heads.ours[:TEN])),
            theirs / (plan + trunk + sum(_seconds(second) for _, second in same)),
            time_to_best(plan, trunk, depths),
        )

    def targets(self) -> list[Target]:
        """What the project wants of this backbone."""
        ratios = {at.depth: at.ratio for at in self.depths}
        targets = [
            Target("a further trial at depth 0", 100, ratios[0]),
            Target("ten trials at depth 0, trunk pass counted", 15, self.ten_ratio),
            Target("time to plain Keras Tuner's best accuracy", 10, self.best.ratio),
        ]
        if self.backbone == "vgg16":
            targets.append(Target("a further trial at depth 1", 3, ratios[1]))
        return targets


def run(subject: Subject, epochs: int, plain_trials: int) -> list[Compared]:
    """Measure all backbones of the settings.

    Args:
        subject: images and weights.
        epochs: of each trial, on both sides.
        plain_trials: of plain Keras Tuner at each depth, at most as many as ours.
    """
    return [_compare(subject, name, epochs, plain_trials) for name in subject.settings.backbones]


def _compare(subject: Subject, name: str, epochs: int, plain_trials: int) -> Compared:
    say = subject.progress.say
    say(f"{BACKBONES[name].title}: trunk pass")
    ours = Ours(subject, name, DEPTHS, head_epochs_factor=1)
    depths = []
    for depth in DEPTHS:
        mine = ours.study(depth, OUR_TRIALS[depth], epochs)
        say(f"  depth {depth}: ours {_listed(mine)}; now plain Keras Tuner")
        configurations = [trial.values for trial in mine[:plain_trials]]
        theirs = plain.search(subject, name, ours.runner.data.statistics, configurations, epochs)
        say(f"  depth {depth}: plain Keras Tuner {_listed(theirs)}")
        depths.append(AtDepth.of(depth, theirs, mine))
    return Compared.of(name, ours.plan_seconds(), ours.trunk_seconds, depths)


def time_to_best(plan: float, trunk: float, depths: Sequence[AtDepth]) -> TimeToBest:
    """Follow both searches, depth by depth, to the accuracy that plain Keras Tuner finds."""
    theirs = [trial for at in depths for trial in at.plain]
    accuracy = max(trial.accuracy for trial in theirs)
    plain_seconds = _seconds(_until(theirs, accuracy))
    mine = [trial for at in depths for trial in at.ours]
    needed = list(_until(mine, accuracy))
    spent = {"plan": plan, "trunk pass": trunk}
    for at in depths:
        training = sum(trial.training for trial in needed if trial.values["depth"] == at.depth)
        spent[f"trials at depth {at.depth}"] = training
    spent["Keras Tuner and checkpoints"] = sum(trial.seconds - trial.training for trial in needed)
    search = _seconds(theirs)
    if needed[-1].accuracy < accuracy:
        return TimeToBest(accuracy, plain_seconds, search, None, len(needed), None, None, spent)
    seconds = plan + trunk + _seconds(needed)
    return TimeToBest(
        accuracy, plain_seconds, search, seconds, len(needed), plain_seconds / seconds,
        search / seconds, spent,
    )  # fmt: skip


def _until(trials: Sequence[TimedTrial], accuracy: float) -> Iterator[TimedTrial]:
    """The trials up to the first that reaches an accuracy, or all."""
    for trial in trials:
        yield trial
        if trial.accuracy >= accuracy:
            return


def _seconds(trials: Iterator[TimedTrial] | Sequence[TimedTrial]) -> float:
    return sum(trial.seconds for trial in trials)


def _listed(trials: Sequence[TimedTrial]) -> str:
    return f"{', '.join(f'{trial.seconds:.1f}' for trial in trials)} s"


def content(subject: Subject, epochs: int, compared: Sequence[Compared]) -> dict[str, Any]:
    """For JSON."""
    targets = {
        item.backbone: [{**asdict(target), "met": target.met} for target in item.targets()]
        for item in compared
    }
    backbones = [asdict(item) for item in compared]
    return {**subject.facts(), "epochs": epochs, "backbones": backbones, "targets": targets}


def table(subject: Subject, epochs: int, compared: Sequence[Compared]) -> Table:
    """One row a backbone and depth."""
    images = f"{subject.images('train')} training and {subject.images('val')} validation images"
    rows = Table(
        title=f"Plain Keras Tuner and ours: {images}, {subject.settings.size} px, {epochs} epochs, "
        f"both in {subject.settings.precision}",
        caption=f"seconds: median of a trial (plain: {len(compared[0].depths[0].plain)} at each "
        "depth), ours of a further one; accuracy: on validation images, of the trial with the same "
        "hyperparameters, then our best of all at the depth",
    )
    rows.add_column("backbone", no_wrap=True)
    for head in ("depth", "plain s", "ours s", "ratio", "plain accuracy", "ours", "ours best"):
        rows.add_column(head, justify="right")
    for item in compared:
        for at in item.depths:
            theirs, mine = at.first_accuracies
            best = max(trial.accuracy for trial in at.ours)
            rows.add_row(
                item.backbone, str(at.depth), f"{at.plain_seconds:.1f}", f"{at.our_seconds:.2f}",
                f"{at.ratio:.1f}", f"{theirs:.3f}", f"{mine:.3f}", f"{best:.3f}",
            )  # fmt: skip
    return rows


def lines(item: Compared) -> Iterator[str]:
    """What the table does not say of a backbone."""
    title = BACKBONES[item.backbone].title
    trials = sum(len(at.ours) for at in item.depths)
    yield (
        f"{title}: trunk pass {item.trunk_seconds:.1f} s once, {item.trunk_seconds_a_trial:.1f} s "
        f"for each of {trials} trials; plan {item.plan_seconds:.1f} s; the trials that both sides "
        f"ran, plan and trunk pass counted: "
        f"{item.list_ratio:.1f} times as fast"
    )
    best = item.best
    ours = "not reached" if best.our_seconds is None else f"{best.our_seconds:.1f} s"
    yield (
        f"  best validation accuracy of plain Keras Tuner, {best.accuracy:.3f}: plain "
        f"{best.plain_seconds:.1f} s (whole search {best.plain_search_seconds:.1f} s), ours "
        f"{ours} ({best.our_trials} trials)"
    )
    parts = sorted(best.spent.items(), key=lambda part: -part[1])
    total = sum(best.spent.values())
    yield "  ours went to: " + ", ".join(
        f"{part} {seconds:.1f} s ({100 * seconds / total:.0f} %)"
        for part, seconds in parts
        if seconds
    )
    for target in item.targets():
        reached = "not reached" if target.reached is None else f"{target.reached:.1f} times"
        verdict = "met" if target.met else "missed"
        yield f"  {target.what}: {reached}, wanted {target.wanted:g}: {verdict}"
