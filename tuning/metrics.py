"""Figures of a binary classifier: scikit-learn's and SciPy's, with intervals and calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special, stats
from sklearn import metrics

BINS = 15
CONFIDENCE = 0.95
TARGET_ACCURACY = 0.98
_CLIP = 1e-7


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Logits to probabilities."""
    return special.expit(np.asarray(logits, dtype=np.float64))


def accuracy(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Share of right decisions at p_man >= 0.5."""
    return float(metrics.accuracy_score(labels, p_man >= 0.5))


def auc(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Area under the ROC curve."""
    return float(metrics.roc_auc_score(labels, p_man))


def brier(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Mean squared error of p_man (Brier, 1950)."""
    return float(metrics.brier_score_loss(labels, p_man))


def log_loss(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Mean cross-entropy, nats."""
    return float(metrics.log_loss(labels, np.clip(p_man, _CLIP, 1 - _CLIP), labels=[0, 1]))


def accuracy_interval(right: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval (1927) of a share of right decisions."""
    interval = stats.binomtest(right, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def equal_bins(p_man: np.ndarray, count: int) -> np.ndarray:
    """The number of each probability's bin, of `count` equally wide ones, int [N]."""
    return np.minimum((p_man * count).astype(int), count - 1)


def calibration_error(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Expected calibration error over 15 equal bins of p_man (Guo et al., 2017)."""
    gaps = (
        pd.DataFrame({"gap": p_man - labels})
        .groupby(equal_bins(p_man, BINS))["gap"]
        .agg(["mean", "size"])
    )
    return float((gaps["mean"].abs() * gaps["size"]).sum() / len(labels))


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The temperature that minimises the cross-entropy of logits / T (Guo et al., 2017).

    Args:
        labels: 0 or 1, [N].
        logits: float [N].

    Returns:
        0.05 to 20.
    """
    result = optimize.minimize_scalar(
        lambda log_t: log_loss(labels, sigmoid(logits / np.exp(log_t))),
        bounds=(np.log(0.05), np.log(20.0)),
        method="bounded",
    )
    return float(np.exp(result.x))


@dataclass(frozen=True)
class Band:
    """Probabilities between which the answer is "uncertain".

    Attributes:
        low: below it the label is "woman".
        high: from it on the label is "man".
        target_accuracy: wanted of the decisions given.
        accuracy: reached by them on the validation split.
        share_uncertain: of the validation split.
    """

    low: float
    high: float
    target_accuracy: float
    accuracy: float
    share_uncertain: float


def uncertainty_band(
    labels: np.ndarray, p_man: np.ndarray, target: float = TARGET_ACCURACY
) -> Band:
    """The narrowest band around 0.5, alike on both sides, whose outside is right often enough.

    Args:
        labels: 0 or 1, [N], of the validation split.
        p_man: float [N].
        target: wanted share of right decisions among those given.
    """
    labels = np.asarray(labels)
    confidence = np.abs(p_man - 0.5)
    right = (p_man >= 0.5) == (labels == 1)
    order = np.argsort(-confidence, kind="stable")
    share_right = np.cumsum(right[order]) / np.arange(1, len(labels) + 1)
    # Ties are decided together: only the last of equal confidences may end the decided part.
    sorted_confidence = confidence[order]
    last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    reached = np.flatnonzero((share_right >= target) & last)
    if not len(reached):
        return Band(0.0, 1.0, target, 0.0, 1.0)
    decided = reached[-1] + 1
    if decided == len(labels):
        return Band(0.5, 0.5, target, float(share_right[-1]), 0.0)
    half = float(sorted_confidence[decided - 1] + sorted_confidence[decided]) / 2
    share = 1 - decided / len(labels)
    return Band(0.5 - half, 0.5 + half, target, float(share_right[decided - 1]), float(share))


def evaluate(labels: np.ndarray, p_man: np.ndarray) -> dict[str, Any]:
    """All figures of one split.

    Args:
        labels: 0 or 1, [N].
        p_man: float [N].

    Returns:
        count, accuracy with its interval, balanced accuracy, AUC, Brier score, calibration error,
        log loss and
        the confusion matrix (rows: label woman, man; columns: answer woman, man).
    """
    answers = (p_man >= 0.5).astype(int)
    right = int((answers == labels).sum())
    return {
        "count": len(labels),
        "accuracy": right / len(labels),
        "accuracy_interval": accuracy_interval(right, len(labels)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, answers)),
        "auc": auc(labels, p_man),
        "brier": brier(labels, p_man),
        "calibration_error": calibration_error(labels, p_man),
        "log_loss": log_loss(labels, p_man),
        "confusion": metrics.confusion_matrix(labels, answers, labels=[0, 1]).tolist(),
    }


def subgroups(
    manifest: pd.DataFrame, attributes: list[str], p_man: np.ndarray, minimum: int = 30
) -> list[dict[str, Any]]:
    """Accuracy with and without each attribute, largest gap first.

    Args:
        manifest: rows of one split, with `label` and the attributes as booleans.
        attributes: columns to look at.
        p_man: float [N].
        minimum: images that both sides must have.
    """
    right = (np.asarray(p_man) >= 0.5) == (manifest["label"].to_numpy() == 1)
    rows: list[dict[str, Any]] = []
    for attribute in attributes:
        has = manifest[attribute].to_numpy(dtype=bool)
        if min(has.sum(), (~has).sum()) < minimum:
            continue
        sides: dict[str, dict[str, Any]] = {}
        for name, mask in (("with", has), ("without", ~has)):
            hits, total = int(right[mask].sum()), int(mask.sum())
            sides[name] = {
                "count": total,
                "accuracy": hits / total,
                "accuracy_interval": accuracy_interval(hits, total),
            }
        gap = sides["with"]["accuracy"] - sides["without"]["accuracy"]
        rows.append({"attribute": attribute, "gap": gap, **sides})
    return sorted(rows, key=lambda row: -abs(row["gap"]))
