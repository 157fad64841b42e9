"""How much a search tries: presets, and the plan of trials that fits the time of one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tuning.trial import HEAD_EPOCHS_FACTOR

_LEAST_REFIT = 2  # times as many epochs as the trial that it goes on from


class Cost(NamedTuple):
    """What a training at one fine-tuning depth takes on this machine, seconds.

    Attributes:
        start: until its first step, while the graph is made.
        epoch: of training.
    """

    start: float
    epoch: float


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
    """

    name: str
    size: int
    trials: tuple[int, ...]
    epochs: int
    refit_epochs: int
    patience: int
    minutes: float | None


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("quick", 96, (3, 1), 2, 5, 2, 15),
        Preset("standard", 96, (4, 2, 2, 2, 1), 2, 16, 5, 58),
        Preset("full", 160, (12, 6, 4, 3, 3, 2), 6, 20, 6, None),
    )
}


def plan(preset: Preset, costs: Sequence[Cost], seconds: float) -> tuple[int, ...]:
    """The fine-tuning depths of a study's trials, in order, as far as the time reaches.

    Cheap depths come first, but every depth once before any of them twice: if the time runs out
    early, second trials are what is lost. Where the preset's trials and a short refit at the
    deepest depth do not fit, second trials at a depth go first, the deepest ones first, then the
    deepest depth itself. One trial always remains.

    Args:
        preset: how many trials are wanted at each depth.
        costs: measured, at each depth.
        seconds: for the study's trials and refit, may be infinite.
    """
    counts = list(preset.trials[: len(costs)])
    while len(counts) > 1 and _cost(preset, costs, counts) > seconds:
        repeated = [depth for depth in range(1, len(counts)) if counts[depth] > 1]
        if repeated:
            counts[repeated[-1]] -= 1
        else:
            counts.pop()
    while counts[0] > 1 and _cost(preset, costs, counts) > seconds:
        counts[0] -= 1
    heads = (0,) * counts[0]
    again = (depth for depth, count in enumerate(counts) if depth for _ in range(count - 1))
    return (*heads, *range(1, len(counts)), *again)


def trial_seconds(preset: Preset, costs: Sequence[Cost], depth: int) -> float:
    """What one trial at a depth is expected to take, its head's warm-up included."""
    if depth == 0:
        return costs[0].start + HEAD_EPOCHS_FACTOR * preset.epochs * costs[0].epoch
    return costs[depth].start + preset.epochs * (costs[depth].epoch + costs[0].epoch)


def least_refit_seconds(preset: Preset, cost: Cost) -> float:
    """What the shortest refit that is planned for takes at a depth of this cost."""
    return cost.start + _LEAST_REFIT * preset.epochs * cost.epoch


def refit_epochs(preset: Preset, cost: Cost, seconds: float) -> int:
    """Epochs of the winner's refit: the preset's, fewer where the time is short, down to none."""
    affordable = max(0.0, (seconds - cost.start) / max(cost.epoch, 1e-3))
    return int(min(preset.refit_epochs, affordable))


def _cost(preset: Preset, costs: Sequence[Cost], counts: Sequence[int]) -> float:
    trials = sum(count * trial_seconds(preset, costs, depth) for depth, count in enumerate(counts))
    return trials + least_refit_seconds(preset, costs[len(counts) - 1])
