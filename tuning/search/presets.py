"""How much a search tries: the presets of `PRESET=`."""

from __future__ import annotations

from dataclasses import dataclass

from tuning.training.trial import HEAD_EPOCHS_FACTOR


@dataclass(frozen=True)
class Preset:
    """A size of search.

    Attributes:
        name: Name, as in `PRESET=`.
        size: Side of the square input, pixels.
        trials: Number of trials at fine-tuning depth 0, 1, 2, …
        epochs: Number of epochs of a trial's fine-tuned stages.
        refit_epochs: Number of epochs of the winner's refit, which goes on from its trial.
        patience: Number of epochs without improvement before a training stops.
        minutes: Time for the whole run, None for no limit.
        head_epochs_factor: How many times as many epochs the head alone trains.

    Example:
        >>> preset = PRESETS["quick"]
        >>> preset.size, sum(preset.trials)
        (96, 4)
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
"""All presets by name."""
