"""How much a search tries: presets, and the plan of trials that fits the time of one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuning.runs.schema import Cost, TrialResult
from tuning.training.trial import HEAD_EPOCHS_FACTOR

_LEAST_REFIT = 2  # epochs, on top of the trial's: depth pays more


@dataclass(frozen=True)
class Preset:
    """A size of search.

    Attributes:
        size: of the square input, pixels.
        trials: how many at fine-tuning depth 0, 1, 2, …
        epochs: of a trial, of the fine-tuned stages.
        refit_epochs: of the winner's refit, which goes on from its trial.
        patience: epochs without improvement before a training stops.
        minutes: budget of the whole run, None for no limit.
        head_epochs_factor: How many times as many epochs the head alone trains.
    """

    name: str
    size: int
    trials: tuple[int, ...]
    epochs: int
    refit_epochs: int
    patience: int
    minutes: float | None
    head_epochs_factor: int = HEAD_EPOCHS_FACTOR


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("quick", 96, (3, 1), 2, 5, 2, 15),
        Preset("standard", 96, (8, 2, 2, 2, 1), 1, 16, 5, 58),
        Preset("full", 160, (12, 6, 4, 3, 3, 2), 6, 20, 6, None),
    )
}


def plan(preset: Preset, costs: Sequence[Cost], seconds: float) -> tuple[int, ...]:
    """The fine-tuning depths of a study's trials, in order, as far as the time reaches.

    Depth is what pays most, so one trial at each comes first, cheap depths before deeper ones, as
    deep as leaves time for a short refit. Then a refit of the preset's length pays more than second
    trials at a depth: they are planned where it fits as well. One trial always remains.

    Args:
        preset: how many trials are wanted at each depth.
        costs: measured, at each depth.
        seconds: for the study's trials and refit, may be infinite.
    """
    wanted = preset.trials[: len(costs)]

    def fits(counts: Sequence[int], refit_epochs: int) -> bool:
        trials = (count * trial_seconds(preset, costs, depth) for depth, count in enumerate(counts))
        refit = training_seconds(costs[len(counts) - 1], refit_epochs)
        return sum(trials) + refit <= seconds

    counts = [wanted[0], *[1] * (len(wanted) - 1)]
    while len(counts) > 1 and not fits(counts, _LEAST_REFIT):
        counts.pop()
    while counts[0] > 1 and not fits(counts, _LEAST_REFIT):
        counts[0] -= 1
    depths = [*[0] * counts[0], *range(1, len(counts))]
    for depth in range(1, len(counts)):
        for _ in range(wanted[depth] - 1):
            counts[depth] += 1
            if not fits(counts, preset.refit_epochs):
                return tuple(depths)
            depths.append(depth)
    return tuple(depths)


def trial_seconds(
    preset: Preset, costs: Sequence[Cost], depth: int, epochs: int | None = None
) -> float:
    """What one trial at a depth is expected to take: its head's training, then its stages'.

    Args:
        preset: epochs of a trial.
        costs: measured, at each depth.
        depth: of the trial.
        epochs: of its stages, where it stopped before the preset's.
    """
    head = training_seconds(costs[0], preset.head_epochs_factor * preset.epochs)
    return head + (training_seconds(costs[depth], epochs or preset.epochs) if depth else 0.0)


def training_seconds(cost: Cost, epochs: int) -> float:
    """What a training of so many epochs takes at a depth of this cost, as a refit is one."""
    return cost.start + epochs * cost.epoch


def least_refit_seconds(cost: Cost) -> float:
    """What the shortest refit that a plan reserves time for takes at a depth of this cost."""
    return training_seconds(cost, _LEAST_REFIT)


def pace(preset: Preset, costs: Sequence[Cost], results: Sequence[TrialResult]) -> float:
    """How many times as long as planned the fine-tuned trials took; at least 1, 1 without any."""
    tuned = [result for result in results if result.hyperparameters.depth]
    planned = sum(
        trial_seconds(preset, costs, result.hyperparameters.depth, result.epochs)
        for result in tuned
    )
    return max(1.0, sum(result.seconds for result in tuned) / planned) if planned else 1.0


def refit_epochs(preset: Preset, cost: Cost, seconds: float) -> int:
    """Epochs of the winner's refit: the preset's, fewer where the time is short, down to none."""
    affordable = max(0.0, (seconds - cost.start) / max(cost.epoch, 1e-3))
    return int(min(preset.refit_epochs, affordable))
