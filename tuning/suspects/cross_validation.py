"""What logistic regression on pooled features, asked out of fold, says of the training images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import Label
from data.atomic import write_text
from data.labels import MISSING, class_slices, code_columns, probability_columns, to_table
from data.sampling import nested_order
from tuning.metrics import fit_calibration, logits_of, probabilities

_FOLDS = 5
_LEAST_PEOPLE = 3
_STEPS = 100
_MOST_LEARNED = 20_000  # images that a fold's model learns from; more hardly change it
_BLOCK = 4096


class MeanOf:
    """The mean of several arrays of the same rows, gathered as they are asked for.

    Args:
        arrays: Arrays [n, F], such as pooled features of an image in two views.

    Attributes:
        shape: Shape of all rows together.

    Example:
        >>> MeanOf([np.float16([[1.0], [2.0]]), np.float16([[3.0], [2.0]])])[np.array([0])].tolist()
        [[2.0]]
    """

    def __init__(self, arrays: Sequence[Rows]) -> None:
        self._arrays = arrays
        self.shape = arrays[0].shape

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return np.mean([np.asarray(array[rows], np.float32) for array in self._arrays], axis=0)


class Rows(Protocol):
    """Features [n, F] whose rows can be gathered."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all rows together."""
        ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        """Gather rows, int [m]."""
        ...


def training_predictions(
    path: Path,
    labels: Sequence[Label],
    train: pd.DataFrame,
    predict: Callable[[], np.ndarray],
) -> pd.DataFrame:
    """Predict the training images out of fold, or read what was predicted before.

    All sessions of a run read the same file, so that they leave out the same labels.

    Args:
        path: Path of the CSV file.
        labels: Labels that are learned.
        train: The manifest's rows of the n training images.
        predict: Function that predicts them, class probabilities [n, K], as `out_of_fold` does.

    Returns:
        Table with `row` of the manifest, `split`, codes and class probabilities, NaN where the
        model could not be asked.

    Raises:
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> from data import GENDER
        >>> codes = np.arange(40) % 2
        >>> train = pd.DataFrame({"label": codes, "identity": None, "split": "train"})
        >>> features = np.float16(codes[:, None] + np.zeros((40, 8)))
        >>> path = Path(tempfile.mkdtemp(), "out_of_fold.csv")
        >>> people = np.arange(40)
        >>> predict = lambda: out_of_fold([GENDER], features, codes[:, None], people, seed=0)
        >>> table = training_predictions(path, [GENDER], train, predict)
        >>> table.columns.tolist(), bool(((table["p_man"] > 0.5) == codes).all())
        (['row', 'split', 'label', 'p_man'], True)
    """
    columns = ["row", "split", *code_columns(labels), *probability_columns(labels)]
    kept = _read(path)
    if kept is not None and list(kept) == columns and kept["row"].tolist() == train.index.tolist():
        return kept
    p = to_table(labels, predict())
    codes = train[["split", *code_columns(labels)]]
    table = pd.concat([codes, p.set_axis(codes.index)], axis=1)
    write_text(path, table.to_csv(index_label="row"))
    made = _read(path)
    assert made is not None
    return made


def out_of_fold(
    labels: Sequence[Label], features: Rows, codes: np.ndarray, people: np.ndarray, seed: int
) -> np.ndarray:
    """Predict each image by a model that was trained without its person.

    The model is logistic regression on standardized features, calibrated by a slope and biases. It
    learns from at most 20,000 images, so that time and memory do not grow with more. Classes with
    images of fewer than three people are left out, and so are the images that have them.

    Args:
        labels: The L labels.
        features: Features of the images, float [n, F].
        codes: Codes, int [n, L].
        people: Number of the person in each image, int [n].
        seed: Seed of the folds.

    Returns:
        Class probabilities, float64 [n, K], NaN where the model could not be asked.

    Example:
        >>> from data import GENDER
        >>> codes = np.arange(40)[:, None] % 2
        >>> p = out_of_fold([GENDER], codes + np.zeros((1, 8)), codes, np.arange(40), seed=0)
        >>> (p.argmax(axis=1) == codes[:, 0]).all()
        np.True_
    """
    p = np.full((len(codes), sum(len(label.classes) for label in labels)), np.nan)
    for number, at in enumerate(class_slices(labels)):
        of_label = codes[:, number]
        asked = _askable(of_label, people)
        rows = np.flatnonzero(np.isin(of_label, asked))
        if len(asked) > 1:
            columns = at.start + np.array(asked)
            p[np.ix_(rows, columns)] = _cross_validated(
                features, rows, of_label[rows], people[rows], asked, seed
            )
    return p


def _askable(codes: np.ndarray, people: np.ndarray) -> list[int]:
    """The classes of enough people to learn them from some and ask about others."""
    present = np.unique(codes[codes != MISSING])
    return [int(code) for code in present if _people_of(code, codes, people) >= _LEAST_PEOPLE]


def _people_of(code: int, codes: np.ndarray, people: np.ndarray) -> int:
    return len(np.unique(people[codes == code]))


def _cross_validated(
    features: Rows,
    rows: np.ndarray,
    codes: np.ndarray,
    people: np.ndarray,
    classes: list[int],
    seed: int,
) -> np.ndarray:
    """Probabilities of these classes for some rows, float64 [n, C]; NaN where a fold lacks one."""
    p = np.full((len(codes), len(classes)), np.nan)
    folds = min(_FOLDS, *(_people_of(code, codes, people) for code in classes))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for others, asked in splitter.split(rows, codes, people):
        learned = _at_most(_MOST_LEARNED, others, codes, seed)
        if set(codes[learned]) == set(classes):
            # Weights of a prior by which logits have a variance of 1, however many features.
            classifier = LogisticRegression(C=1 / features.shape[1], max_iter=_STEPS)
            model = make_pipeline(StandardScaler(), classifier)
            model.fit(features[rows[learned]], codes[learned])
            for start in range(0, len(asked), _BLOCK):
                block = asked[start : start + _BLOCK]
                p[block] = model.predict_proba(features[rows[block]])
    return _calibrated(p, np.searchsorted(classes, codes))


def _at_most(most: int, positions: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    """Some of the positions, in order, their classes in proportion."""
    if len(positions) <= most:
        return positions
    return np.sort(positions[nested_order(codes[positions, None], seed)[:most]])


def _calibrated(p: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The same probabilities by their best calibration, so that they compare with a winner's."""
    asked = np.isfinite(p).all(axis=1)
    if not asked.any():
        return p
    label = Label(name="asked", classes=tuple(map(str, range(p.shape[1]))))
    logits = logits_of([label], p[asked])
    result = p.copy()
    calibration = fit_calibration(label, codes[asked], logits)
    result[asked] = probabilities([label], logits, [calibration])
    return result


def _read(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError):
        return None
