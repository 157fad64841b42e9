"""Figures of a classifier: what its probabilities are worth, and how sure that is.

Codes are classes of a label, int [N], `data.labels.MISSING` where an image has none; such images
count nowhere. Probabilities `p` are those of all classes, float [N, C].

- `probabilities.py`: logits to class probabilities, and back.
- `calibration.py`: slope and biases, and how far off probabilities are.
- `scores.py`: accuracy, Brier score and others, by which trials and models are compared.
- `intervals.py`: intervals of accuracies, by person.
- `operating_points.py`: when a decision is given, and what is promised of it.
- `choice.py`: what the best of several is worth without the luck of having been chosen.
- `known.py`: which images count.
"""

from tuning.metrics.calibration import (
    calibration_error,
    calibration_points,
    cross_fitted,
    equal_bins,
    fit_calibration,
    fit_calibrations,
)
from tuning.metrics.choice import chosen_winner
from tuning.metrics.intervals import accuracy_interval
from tuning.metrics.known import by_label
from tuning.metrics.operating_points import TARGETS, confidence, operating_point, promise
from tuning.metrics.probabilities import logits_of, probabilities
from tuning.metrics.scores import (
    MeanScores,
    accuracy,
    auc,
    brier,
    evaluate,
    log_loss,
    mean_scores,
    subgroups,
)
from tuning.runs.schema import Calibration

__all__ = [
    "TARGETS", "Calibration", "MeanScores", "accuracy", "accuracy_interval", "auc", "brier",
    "by_label", "calibration_error", "calibration_points", "chosen_winner", "confidence",
    "cross_fitted", "equal_bins", "evaluate", "fit_calibration", "fit_calibrations", "log_loss",
    "logits_of", "mean_scores", "operating_point", "probabilities", "promise", "subgroups",
]  # fmt: skip
