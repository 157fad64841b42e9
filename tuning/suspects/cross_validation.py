"""What logistic regression on pooled features, asked out of fold, says of the training images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import Label
from data.atomic import write_text
from data.labels import MISSING, class_slices, code_columns, probability_columns, to_table
from tuning.metrics import fit_temperature, logits_of, probabilities

_FOLDS = 5
_LEAST_PEOPLE = 3
_STEPS = 100


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
    labels: Sequence[Label], features: np.ndarray, codes: np.ndarray, people: np.ndarray, seed: int
) -> np.ndarray:
    """Predict each image by a model that was trained without its person.

    The model is logistic regression on standardized features, calibrated by a temperature. Classes
    with images of fewer than three people are left out, and so are the images that have them.

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
            found = _cross_validated(features[rows], of_label[rows], people[rows], asked, seed)
            p[np.ix_(rows, columns)] = found
    return p


def _askable(codes: np.ndarray, people: np.ndarray) -> list[int]:
    """The classes of enough people to learn them from some and ask about others."""
    present = np.unique(codes[codes != MISSING])
    return [int(code) for code in present if _people_of(code, codes, people) >= _LEAST_PEOPLE]


def _people_of(code: int, codes: np.ndarray, people: np.ndarray) -> int:
    return len(np.unique(people[codes == code]))


def _cross_validated(
    features: np.ndarray, codes: np.ndarray, people: np.ndarray, classes: list[int], seed: int
) -> np.ndarray:
    """Probabilities of these classes, float64 [n, C]; NaN where a fold lacks a class."""
    p = np.full((len(codes), len(classes)), np.nan)
    folds = min(_FOLDS, *(_people_of(code, codes, people) for code in classes))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for learned, asked in splitter.split(features, codes, people):
        if set(codes[learned]) == set(classes):
            # Weights of a prior by which logits have a variance of 1, however many features.
            classifier = LogisticRegression(C=1 / features.shape[1], max_iter=_STEPS)
            model = make_pipeline(StandardScaler(), classifier)
            p[asked] = model.fit(features[learned], codes[learned]).predict_proba(features[asked])
    return _calibrated(p, np.searchsorted(classes, codes))


def _calibrated(p: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The same probabilities by their best temperature, so that they compare with a winner's."""
    asked = np.isfinite(p).all(axis=1)
    if not asked.any():
        return p
    label = Label(name="asked", classes=tuple(map(str, range(p.shape[1]))))
    logits = logits_of([label], p[asked])
    result = p.copy()
    temperature = fit_temperature(label, codes[asked], logits)
    result[asked] = probabilities([label], logits, [temperature])
    return result


def _read(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError):
        return None
