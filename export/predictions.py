"""What a form of a model predicts for a split, as far as the run has not recorded it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export import parity
from export.forms import Form, in_batches
from export.progress import Steps
from export.source import RecordedPredictions, Split

_SAMPLE = 64  # images by which the run's record of Keras's predictions is checked


def predict(form: Form, split: Split, steps: Steps) -> np.ndarray:
    """Run all images of a split through a form of a model.

    Args:
        form: Form of the model.
        split: Split whose n images are predicted.
        steps: Shows how far it is.

    Returns:
        Class probabilities of each image, float [n, K].

    Example:
        >>> from pathlib import Path
        >>> from rich.console import Console
        >>> images = np.zeros((3, 8, 8, 3), np.uint8)
        >>> test = Split("test", images, rows=np.array([1, 2]), codes=np.array([[0], [1]]))
        >>> undecided = lambda batch: np.full((len(batch), 2), 0.5)
        >>> steps = Steps(Console(stderr=True), "vgg16")
        >>> predict(Form("fp32", Path("model.onnx"), undecided), test, steps).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    images = len(split.rows)
    with steps.counted(f"{images} {split.title} images through {form.title}") as on_progress:
        return in_batches(form.predict, split.images, split.rows, on_progress)


def recorded_or_predicted(
    form: Form, split: Split, recorded: RecordedPredictions, steps: Steps
) -> np.ndarray:
    """Take the run's record of a split if a sample through the form agrees, else predict it all.

    Args:
        form: Form of the model.
        split: Split whose n images are predicted.
        recorded: What the run says of the split.
        steps: Shows what is being done.

    Returns:
        Class probabilities of each image, float [n, K].

    Example:
        >>> from pathlib import Path
        >>> from rich.console import Console
        >>> undecided = lambda batch: np.full((len(batch), 2), 0.5)
        >>> form = Form("fp32", Path("model.onnx"), undecided)
        >>> rows, codes = np.array([0, 2]), np.array([[0], [1]])
        >>> val = Split("val", np.zeros((3, 8, 8, 3), np.uint8), rows, codes)
        >>> steps = Steps(Console(stderr=True), "vgg16")
        >>> unlike_the_form = RecordedPredictions(rows, codes, p=np.array([[0.8, 0.2], [0.1, 0.9]]))
        >>> recorded_or_predicted(form, val, unlike_the_form, steps).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    if not np.array_equal(recorded.rows, split.rows):
        return predict(form, split, steps)
    sample = np.linspace(0, len(split.rows) - 1, min(_SAMPLE, len(split.rows))).astype(int)
    title = f"{len(sample)} {split.title} images through {form.title}, to check the run's record"
    with steps.step(title):
        again = in_batches(form.predict, split.images, split.rows[sample])
    if np.abs(again - recorded.p[sample]).max() < parity.TOLERANCE:
        return recorded.p
    return predict(form, split, steps)


def exact_where_apart(
    form: Form, split: Split, p: np.ndarray, others: Sequence[np.ndarray], steps: Steps
) -> np.ndarray:
    """Ask a form itself about the images on which others differ from what was recorded of it.

    A run records what follows from activations in float16, which moves single probabilities by more
    than exported models may differ.

    Args:
        form: Form of the model.
        split: Split whose n images were predicted.
        p: Class probabilities as they were recorded, float [n, K].
        others: Those of other forms, each float [n, K].
        steps: Shows what is being done.

    Returns:
        The class probabilities, those of such images by the form itself, float [n, K].

    Example:
        >>> from pathlib import Path
        >>> from rich.console import Console
        >>> undecided = lambda batch: np.full((len(batch), 2), 0.5)
        >>> form = Form("keras", Path("winner.keras"), undecided)
        >>> rows, codes = np.array([0, 2]), np.array([[0], [1]])
        >>> test = Split("test", np.zeros((3, 8, 8, 3), np.uint8), rows, codes)
        >>> recorded, fp32 = np.array([[0.6, 0.4], [0.1, 0.9]]), np.array([[0.5, 0.5], [0.1, 0.9]])
        >>> steps = Steps(Console(stderr=True), "vgg16")
        >>> exact_where_apart(form, test, recorded, [fp32], steps).tolist()
        [[0.5, 0.5], [0.1, 0.9]]
    """
    differences = [np.abs(p - other).max(axis=1) for other in others]
    apart = np.flatnonzero(~(np.max(differences, axis=0) < parity.TOLERANCE))  # NaN counts
    if not len(apart):
        return p
    p = p.copy()
    title = f"{len(apart)} {split.title} images through {form.title}, where others differ"
    with steps.step(title):
        p[apart] = in_batches(form.predict, split.images, split.rows[apart])
    return p
