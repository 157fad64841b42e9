"""Which trials fit the time of one study, and how long its refit may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tuning.runs.schema import TrainingTime, TrialResult
from tuning.search.presets import Preset

_LEAST_REFIT = 2  # epochs, on top of the trial's: depth pays more


def plan_depths(
    preset: Preset,
    times: Sequence[TrainingTime],
    seconds: float,
    refit_seconds: Callable[[int, int], float] | None = None,
) -> tuple[int, ...]:
    """Choose the fine-tuning depths of a study's trials, in order, as far as the time allows.

    Depth is what pays most, so one trial at each comes first, cheap depths before deeper ones, up
    to the deepest that leaves time for a short refit. Then a refit of the preset's length pays more
    than second trials at a depth: they are planned where it fits as well. One trial always remains.

    Args:
        preset: Number of trials that are wanted at each depth.
        times: Measured time of a training at each depth, from depth 0.
        seconds: Time for the study's trials and refit, may be infinite.
        refit_seconds: Function of a depth and a number of epochs that gives the time of a refit;
            None for a refit on the images of the trials.

    Returns:
        Fine-tuning depth of each trial.

    Example:
        >>> from tuning.search.presets import PRESETS
        >>> times = [TrainingTime(1, 1), TrainingTime(5, 20)]
        >>> plan_depths(PRESETS["quick"], times, seconds=600.0)
        (0, 0, 0, 1)
        >>> plan_depths(PRESETS["quick"], times, seconds=60.0)
        (0, 0, 0)
    """
    wanted = preset.trials[: len(times)]
    time_of = refit_seconds or (lambda depth, epochs: training_seconds(times[depth], epochs))

    def fits(counts: Sequence[int], refit_epochs: int) -> bool:
        trials = (count * trial_seconds(preset, times, depth) for depth, count in enumerate(counts))
        return sum(trials) + time_of(len(counts) - 1, refit_epochs) <= seconds

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
    preset: Preset, times: Sequence[TrainingTime], depth: int, epochs: int | None = None
) -> float:
    """Estimate what one trial takes: its head's training, then its stages'.

    Args:
        preset: Number of epochs of a trial.
        times: Measured time of a training at each depth, from depth 0.
        depth: Fine-tuning depth of the trial.
        epochs: Number of epochs of its stages, where it stopped before the preset's.

    Example:
        >>> from tuning.search.presets import PRESETS
        >>> trial_seconds(PRESETS["quick"], [TrainingTime(1, 1), TrainingTime(5, 20)], depth=1)
        58
    """
    head = training_seconds(times[0], preset.head_epochs_factor * preset.epochs)
    return head + (training_seconds(times[depth], epochs or preset.epochs) if depth else 0.0)


def training_seconds(time: TrainingTime, epochs: int) -> float:
    """Estimate what a training takes, such as a refit.

    Args:
        time: Measured time of a training at its depth.
        epochs: Number of its epochs.

    Example:
        >>> training_seconds(TrainingTime(start=5, epoch=10), epochs=3)
        35
    """
    return time.start + epochs * time.epoch


def least_refit_seconds(time: TrainingTime) -> float:
    """Estimate what the shortest refit takes that a plan reserves time for.

    Args:
        time: Measured time of a training at its depth.

    Example:
        >>> least_refit_seconds(TrainingTime(start=5, epoch=10))
        25
    """
    return training_seconds(time, _LEAST_REFIT)


def slowdown(
    preset: Preset, times: Sequence[TrainingTime], results: Sequence[TrialResult]
) -> float:
    """Compare the time that the fine-tuned trials took with the time that was planned for them.

    Args:
        preset: Number of epochs of a trial.
        times: Measured time of a training at each depth, from depth 0.
        results: Results of the trials so far.

    Returns:
        How many times as long they took, at least 1; 1 without any.

    Example:
        >>> from tuning.search.presets import PRESETS
        >>> slowdown(PRESETS["quick"], [TrainingTime(1, 1), TrainingTime(5, 20)], results=[])
        1.0
    """
    tuned = [result for result in results if result.hyperparameters.depth]
    planned = sum(
        trial_seconds(preset, times, result.hyperparameters.depth, result.epochs)
        for result in tuned
    )
    return max(1.0, sum(result.seconds for result in tuned) / planned) if planned else 1.0


def refit_epochs(preset: Preset, time: TrainingTime, seconds: float) -> int:
    """Choose the number of epochs of the winner's refit: as many as the time allows.

    Args:
        preset: Largest number of epochs.
        time: Measured time of a training at the winner's depth.
        seconds: Time that is left, may be infinite or negative.

    Returns:
        Number of epochs, 0 for no refit.

    Example:
        >>> from tuning.search.presets import PRESETS
        >>> refit_epochs(PRESETS["standard"], TrainingTime(start=5, epoch=10), seconds=60.0)
        5
    """
    affordable = max(0.0, (seconds - time.start) / max(time.epoch, 1e-3))
    return int(min(preset.refit_epochs, affordable))
