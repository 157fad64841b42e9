"""What heads that have not seen a person say of their training images: kept, and read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data import Label
from data.atomic import write_text
from data.labels import MISSING, class_slices, code_columns, codes_of, probability_columns, to_table
from data.splits import number_people

_LEAST_PEOPLE = 3


def keep_predictions(
    path: Path, labels: Sequence[Label], train: pd.DataFrame, p: np.ndarray
) -> None:
    """Keep predictions for training images in a file that all sessions of a run read.

    Nothing is kept of what could not be asked, see `asked`.

    Args:
        path: Path of the CSV file.
        labels: Labels that are learned.
        train: The manifest's rows of the n training images.
        p: Class probabilities out of fold, float [n, K], NaN where an image has no value.

    Raises:
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> from data import GENDER
        >>> train = pd.DataFrame({"label": np.arange(8) % 2, "identity": None, "split": "train"})
        >>> path = Path(tempfile.mkdtemp(), "out_of_fold.csv")
        >>> keep_predictions(path, [GENDER], train, np.full((8, 2), 0.5))
        >>> read_predictions(path, [GENDER]).columns.tolist()
        ['row', 'split', 'label', 'p_man']
    """
    people = number_people(train["identity"])
    p = asked(labels, codes_of(train), people, p)
    codes = train[["split", *code_columns(labels)]]
    table = pd.concat([codes, to_table(labels, p).set_axis(codes.index)], axis=1)
    write_text(path, table.to_csv(index_label="row"))


def read_predictions(path: Path, labels: Sequence[Label]) -> pd.DataFrame | None:
    """Read what `keep_predictions` kept.

    Args:
        path: Path of the CSV file.
        labels: Labels that are learned.

    Returns:
        Table with `row` of the manifest, `split`, codes and class probabilities, NaN where the
        model could not be asked; None where there is no such file, or a damaged one.

    Example:
        >>> from data import GENDER
        >>> read_predictions(Path("nowhere.csv"), [GENDER]) is None
        True
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError):
        return None
    columns = ["row", "split", *code_columns(labels), *probability_columns(labels)]
    numbers = table.select_dtypes("number").columns
    whole = list(table) == columns and {*columns} - {"split"} <= {*numbers}
    return table if whole else None


def asked(
    labels: Sequence[Label], codes: np.ndarray, people: np.ndarray, p: np.ndarray
) -> np.ndarray:
    """Leave out classes that too few people have for a model to learn them without one.

    Args:
        labels: The L labels.
        codes: Codes, int [n, L].
        people: Number of the person in each image, int [n].
        p: Class probabilities out of fold, float [n, K].

    Returns:
        float64 [n, K]: NaN for classes of fewer than three people, for the images that have them,
        and for all of a label without two others; what is left sums to 1.

    Example:
        >>> from data import GENDER
        >>> codes = np.array([[0], [0], [0], [1]])
        >>> bool(np.isnan(asked([GENDER], codes, np.arange(4), np.full((4, 2), 0.5))).all())
        True
    """
    result = np.full(p.shape, np.nan)
    for number, at in enumerate(class_slices(labels)):
        of_label = codes[:, number]
        present = np.unique(of_label[of_label != MISSING])
        known = [c for c in present if len(np.unique(people[of_label == c])) >= _LEAST_PEOPLE]
        if len(known) > 1:
            rows = np.isin(of_label, known)
            cells = np.ix_(rows, at.start + np.array(known))
            result[cells] = p[cells] / p[cells].sum(axis=1, keepdims=True)
    return result
