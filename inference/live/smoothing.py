"""One prediction for a track: the mean of its frames', newer and better ones weighing more."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp

import numpy as np

from data.labels import UNCERTAIN
from inference.bundle import LabelInfo
from inference.detection.alignment import LEAST_QUALITY
from inference.faces import Prediction

TIME_CONSTANT = 1.0
"""Seconds after which a frame weighs 1/e of a new one."""

REMEMBERED = 2.0
"""Seconds for which a prediction stands while the face cannot be judged, as in a profile."""

HYSTERESIS = 0.05
"""By how much the probability of the class that was named before counts as higher than it is."""

_SUREST = 1e-4  # distance from 0 and 1 to which a frame's probabilities count: none outweighs all


class SmoothedPredictions:
    """The predictions of one track on all labels, smoothed over its frames.

    It is the exponential average of the log-probabilities (of two classes: of the log-odds),
    weighed by the quality of the face in each frame. Consecutive frames show nearly the same, so
    the mean never becomes surer than the frames are. The label's own operating point decides on it.

    Args:
        labels: Labels of the model, with their operating points.

    Example:
        >>> smiling = LabelInfo(name="Smiling", classes=("no", "yes"), output="p_Smiling")
        >>> track = SmoothedPredictions([smiling])
        >>> def frame(p: float) -> list[Prediction]:
        ...     return [Prediction(smiling.label, (1 - p, p), smiling.decide((1 - p, p)))]
        >>> for seconds, p in enumerate([0.9, 0.9, 0.3, 0.9]):
        ...     [smoothed] = track.update(frame(p), quality=1.0, seconds=seconds / 10)
        ...     print(smoothed.decision, round(smoothed["yes"], 2))
        yes 0.9
        yes 0.9
        yes 0.75
        yes 0.8
    """

    def __init__(self, labels: Sequence[LabelInfo]) -> None:
        self._labels = list(labels)
        self._sums = [np.zeros(len(label.classes)) for label in labels]
        self._weight = 0.0
        self._seconds = self._judged = 0.0
        self._decisions = [UNCERTAIN] * len(labels)

    def update(
        self, predictions: Sequence[Prediction], quality: float | None, seconds: float
    ) -> tuple[Prediction, ...]:
        """Take the predictions of the next frame.

        Args:
            predictions: What the model says of the face in this frame, on each label.
            quality: Quality of the face, 0..1; None counts as 1. Below `LEAST_QUALITY` the frame
                does not count.
            seconds: Time of the frame, not before the last one's.

        Returns:
            The smoothed predictions; those of the frame, "uncertain", where no frame of the last
            two seconds could be judged.
        """
        weight = 1.0 if quality is None else quality
        if weight < LEAST_QUALITY:
            weight = 0.0
        else:
            self._judged = seconds
        self._add(predictions, weight, seconds)
        if not self._weight or seconds - self._judged > REMEMBERED:
            self._decisions = [UNCERTAIN] * len(self._labels)
            return tuple(replace(one, decision=UNCERTAIN) for one in predictions)
        probabilities = [_normalized(total / self._weight) for total in self._sums]
        self._decisions = [
            _decide(label, p, before)
            for label, p, before in zip(self._labels, probabilities, self._decisions, strict=True)
        ]
        return tuple(
            Prediction(label.label, tuple(p.tolist()), decision)
            for label, p, decision in zip(self._labels, probabilities, self._decisions, strict=True)
        )

    def _add(self, predictions: Sequence[Prediction], weight: float, seconds: float) -> None:
        fade = exp(-max(0.0, seconds - self._seconds) / TIME_CONSTANT)
        self._seconds = seconds
        self._weight = fade * self._weight + weight
        for total, prediction in zip(self._sums, predictions, strict=True):
            total *= fade
            if weight:
                p = np.clip(prediction.probabilities, _SUREST, 1 - _SUREST)
                total += weight * np.log(p)


def _normalized(logs: np.ndarray) -> np.ndarray:
    p = np.exp(logs - logs.max())
    return p / p.sum()


def _decide(label: LabelInfo, p: np.ndarray, before: str) -> str:
    """Decide as the label does, with the class that was named before preferred a little."""
    preferred = np.array([HYSTERESIS * (name == before) for name in label.classes])
    return label.decide((p + preferred).tolist())
