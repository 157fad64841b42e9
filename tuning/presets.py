"""How much a search tries: presets, and the plan of trials that fits the time of one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuning.trial import HEAD_EPOCHS_FACTOR

_LEAST_REFIT = 2  # times as long as a trial


@dataclass(frozen=True)
class Preset:
    """A size of search.

    Attributes:
        size: of the square input, pixels.
        trials: how many at fine-tuning depth 0, 1, 2, …
        epochs: of a trial, of the fine-tuned stages.
        refit_epochs: of the winner's refit.
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
        Preset("standard", 128, (4, 2, 2, 2, 1), 3, 10, 4, 80),
        Preset("full", 160, (12, 6, 4, 3, 3, 2), 6, 20, 6, None),
    )
}


def plan(preset: Preset, epoch_seconds: Sequence[float], seconds: float | None) -> tuple[int, ...]:
    """The fine-tuning depths of a study's trials, cheap ones first, as far as the time reaches.

    Where the preset's trials and a short refit at the deepest depth do not fit, second trials at a
    depth go first, the deepest ones first, then the deepest depth itself. One trial always remains.

    Args:
        preset: how many trials are wanted at each depth.
        epoch_seconds: measured cost of an epoch at each depth.
        seconds: for the study, None for no limit.
    """
    counts = list(preset.trials[: len(epoch_seconds)])
    limit = float("inf") if seconds is None else seconds
    while len(counts) > 1 and _cost(preset, epoch_seconds, counts) > limit:
        repeated = [depth for depth in range(1, len(counts)) if counts[depth] > 1]
        if repeated:
            counts[repeated[-1]] -= 1
        else:
            counts.pop()
    while counts[0] > 1 and _cost(preset, epoch_seconds, counts) > limit:
        counts[0] -= 1
    return tuple(depth for depth, count in enumerate(counts) for _ in range(count))


def trial_seconds(preset: Preset, epoch_seconds: Sequence[float], depth: int) -> float:
    """What one trial at a depth is expected to take, its head's warm-up included."""
    head = HEAD_EPOCHS_FACTOR if depth == 0 else 1
    return preset.epochs * (epoch_seconds[depth] * head + (epoch_seconds[0] if depth else 0))


def refit_epochs(preset: Preset, epoch_seconds: float, seconds: float | None) -> int:
    """Epochs of the winner's refit: the preset's, fewer where the time is short."""
    if seconds is None:
        return preset.refit_epochs
    affordable = int(seconds / max(epoch_seconds, 1e-3))
    return max(_LEAST_REFIT * preset.epochs, min(preset.refit_epochs, affordable))


def _cost(preset: Preset, epoch_seconds: Sequence[float], counts: Sequence[int]) -> float:
    trials = sum(
        count * trial_seconds(preset, epoch_seconds, depth) for depth, count in enumerate(counts)
    )
    return trials + _LEAST_REFIT * preset.epochs * epoch_seconds[len(counts) - 1]
