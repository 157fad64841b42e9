"""The same trials by plain Keras Tuner and by us, in turn, and how soon each finds the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks import plain_search
from benchmarks.our_search import OurSearch
from benchmarks.trial_time import TimedTrial, further
from benchmarks.workload import Workload
from tuning.backbones.registry import BACKBONES

DEPTHS = (0, 1, 2)
TEN = 10
OUR_TRIALS = {0: TEN + 1, 1: 2, 2: 1}


@dataclass(frozen=True)
class DepthComparison:
    """The trials of both sides at one fine-tuning depth.

    Attributes:
        depth: Fine-tuning depth of all these trials, 0 for a head alone.
        plain: Trials of plain Keras Tuner; ours begin with the same hyperparameters.
        ours: As many trials of ours, then further ones.
        plain_seconds: Median time of a plain trial.
        our_seconds: Median time of a further trial of ours: activations and graphs are there.
        ratio: Number of times that ours is as fast: `plain_seconds` over `our_seconds`.

    Example:
        >>> plain = [TimedTrial({"depth": 0}, 0.80, epochs=1, seconds=50.0, training=48.0)]
        >>> ours = [TimedTrial({"depth": 0}, 0.81, epochs=1, seconds=0.5, training=0.4)]
        >>> compared = DepthComparison.of(0, plain, ours)
        >>> compared.ratio, compared.first_accuracies
        (100.0, (0.8, 0.81))
    """

    depth: int
    plain: list[TimedTrial]
    ours: list[TimedTrial]
    plain_seconds: float
    our_seconds: float
    ratio: float

    @classmethod
    def of(cls, depth: int, theirs: list[TimedTrial], ours: list[TimedTrial]) -> DepthComparison:
        """Compare the trials at a depth.

        Args:
            depth: Fine-tuning depth of all these trials, 0 for a head alone.
            theirs: Trials of plain Keras Tuner.
            ours: Trials of our search.
        """
        plain_seconds = median(trial.seconds for trial in theirs)
        our_seconds = median(trial.seconds for trial in further(ours))
        return cls(depth, theirs, ours, plain_seconds, our_seconds, plain_seconds / our_seconds)

    @property
    def first_accuracies(self) -> tuple[float, float]:
        """Accuracy of the trial that both sides ran first: plain Keras Tuner's, ours."""
        return self.plain[0].accuracy, self.ours[0].accuracy


@dataclass(frozen=True)
class TimeToBest:
    """How long it takes to reach the best validation accuracy of plain Keras Tuner's search.

    Attributes:
        accuracy: Best validation accuracy of plain Keras Tuner, 0..1.
        plain_seconds: Seconds until the end of the trial in which plain Keras Tuner finds it.
        plain_search_seconds: Seconds of its whole search.
        our_seconds: Seconds until the end of our trial that reaches it, plan and trunk pass
            counted; None if no trial does.
        our_trials: Number of our trials until then, or of all.
        ratio: `plain_seconds` over `our_seconds`, None where we do not reach it.
        search_ratio: `plain_search_seconds` over `our_seconds`, None likewise.
        spent: Our seconds by part.
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
    """A speed-up that the project wants, and the one that was reached.

    Attributes:
        what: Name of what is compared, such as "a further trial at depth 0".
        wanted: Wanted ratio of plain Keras Tuner's time to ours.
        reached: Ratio that was reached, None if there is none.

    Example:
        >>> Target("a further trial at depth 0", wanted=100, reached=240.0).met
        True
    """

    what: str
    wanted: float
    reached: float | None

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.reached is not None and self.reached >= self.wanted


@dataclass(frozen=True)
class BackboneComparison:
    """Both searches of one backbone.

    Attributes:
        backbone: Name of the backbone.
        plan_seconds: Seconds of the probes by which our search plans its trials.
        trunk_seconds: Seconds to make the model and of the one pass that serves all depths and
            trials.
        trunk_seconds_a_trial: The same, shared by the trials of our study.
        depths: Trials at each depth.
        ten_ratio: Ten trials at depth 0: ten times the plain median, over our first ten and the
            pass.
        list_ratio: Time of the trials that both sides ran, plan and trunk pass counted on ours.
        best: Time to the best accuracy.

    Example:
        >>> plain = [TimedTrial({"depth": 0}, 0.8, epochs=1, seconds=50.0, training=48.0)]
        >>> ours = [TimedTrial({"depth": 0}, 0.8, epochs=1, seconds=0.5, training=0.4)]
        >>> depths = [DepthComparison.of(0, plain, ours)]
        >>> compared = BackboneComparison.of("resnet50", plan=1.0, trunk=4.5, depths=depths)
        >>> compared.ten_ratio, [target.met for target in compared.targets()]
        (100.0, [True, True, False])
    """

    backbone: str
    plan_seconds: float
    trunk_seconds: float
    trunk_seconds_a_trial: float
    depths: list[DepthComparison]
    ten_ratio: float
    list_ratio: float
    best: TimeToBest

    @classmethod
    def of(
        cls, backbone: str, plan: float, trunk: float, depths: list[DepthComparison]
    ) -> BackboneComparison:
        """Derive the figures from the trials.

        Args:
            backbone: Name of the backbone.
            plan: Seconds of our plan.
            trunk: Seconds of our trunk pass.
            depths: Trials at each depth.
        """
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
        """Return what the project wants of this backbone."""
        ratios = {at.depth: at.ratio for at in self.depths}
        targets = [
            Target("a further trial at depth 0", 100, ratios[0]),
            Target("ten trials at depth 0, trunk pass counted", 15, self.ten_ratio),
            Target("time to plain Keras Tuner's best accuracy", 10, self.best.ratio),
        ]
        if self.backbone == "vgg16":
            targets.append(Target("a further trial at depth 1", 3, ratios[1]))
        return targets


def run(workload: Workload, epochs: int, plain_trials: int) -> list[BackboneComparison]:
    """Compare both searches on all backbones of the settings.

    Args:
        workload: Images and weights that both sides get.
        epochs: Number of epochs of each trial, on both sides.
        plain_trials: Number of plain Keras Tuner's trials at each depth, at most as many as ours.
    """
    return [_compare(workload, name, epochs, plain_trials) for name in workload.settings.backbones]


def _compare(workload: Workload, name: str, epochs: int, plain_trials: int) -> BackboneComparison:
    say = workload.progress.say
    say(f"{BACKBONES[name].title}: trunk pass")
    ours = OurSearch(workload, name, DEPTHS, head_epochs_factor=1)
    depths = []
    for depth in DEPTHS:
        mine = ours.study(depth, OUR_TRIALS[depth], epochs)
        say(f"  depth {depth}: ours {_listed(mine)}; now plain Keras Tuner")
        configurations = [trial.values for trial in mine[:plain_trials]]
        theirs = plain_search.search(
            workload, name, ours.steps.data([0]).statistics, configurations, epochs
        )
        say(f"  depth {depth}: plain Keras Tuner {_listed(theirs)}")
        depths.append(DepthComparison.of(depth, theirs, mine))
    return BackboneComparison.of(name, ours.plan_seconds(), ours.setup_seconds, depths)


def time_to_best(plan: float, trunk: float, depths: Sequence[DepthComparison]) -> TimeToBest:
    """Follow both searches, depth by depth, to the accuracy that plain Keras Tuner finds.

    Args:
        plan: Seconds of our plan.
        trunk: Seconds of our trunk pass.
        depths: Trials at each depth.

    Example:
        >>> plain = [TimedTrial({"depth": 0}, 0.8, epochs=1, seconds=50.0, training=48.0)]
        >>> ours = [
        ...     TimedTrial({"depth": 0}, 0.7, epochs=1, seconds=3.0, training=2.0),
        ...     TimedTrial({"depth": 0}, 0.8, epochs=1, seconds=1.0, training=0.5),
        ... ]
        >>> best = time_to_best(1.0, 5.0, [DepthComparison.of(0, plain, ours)])
        >>> best.our_seconds, best.ratio
        (10.0, 5.0)
    """
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


def content(
    workload: Workload, epochs: int, compared: Sequence[BackboneComparison]
) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        workload: Images and weights that both sides got.
        epochs: Number of epochs of each trial.
        compared: Comparisons that `run` returned, one for each backbone.
    """
    targets = {
        item.backbone: [{**asdict(target), "met": target.met} for target in item.targets()]
        for item in compared
    }
    backbones = [asdict(item) for item in compared]
    return {**workload.facts(), "epochs": epochs, "backbones": backbones, "targets": targets}


def table(workload: Workload, epochs: int, compared: Sequence[BackboneComparison]) -> Table:
    """Make a table with one row for each backbone and depth.

    Args:
        workload: Images and weights that both sides got.
        epochs: Number of epochs of each trial.
        compared: Comparisons that `run` returned, one for each backbone.
    """
    rows = Table(
        title=f"Plain Keras Tuner and ours: {workload.caption()}, {workload.settings.size} px, "
        f"{epochs} epochs, both in {workload.settings.policy}",
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


def lines(item: BackboneComparison) -> Iterator[str]:
    """Say in lines what the table does not of a backbone.

    Args:
        item: Both searches of the backbone.

    Example:
        >>> plain = [TimedTrial({"depth": 0}, 0.8, epochs=1, seconds=50.0, training=48.0)]
        >>> ours = [TimedTrial({"depth": 0}, 0.8, epochs=1, seconds=0.5, training=0.4)]
        >>> depths = [DepthComparison.of(0, plain, ours)]
        >>> print(list(lines(BackboneComparison.of("resnet50", 1.0, 4.5, depths)))[-1].strip())
        time to plain Keras Tuner's best accuracy: 8.3 times, wanted 10: missed
    """
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
