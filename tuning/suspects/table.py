"""`suspects.csv`: the images of a run whose labels someone should look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data import Label, label_conflicts
from data.labels import class_slices, code_columns, codes_of, from_table
from data.spreadsheets import harmless
from tuning.runs.run_folder import RunFolder
from tuning.suspects.confident_learning import doubts

COLUMNS = (
    "path", "row", "split", "label", "given", "suggested", "p_given", "doubt", "suspect",
    "contradicts_person",
)  # fmt: skip
"""Columns of the table, in the order of the CSV file."""

_NAMES = ["label", "given", "suggested"]


def run_predictions(run: RunFolder, backbone: str) -> pd.DataFrame:
    """Read what is predicted of a run's images by models that were not trained on them.

    Args:
        run: Folder of the run.
        backbone: Name of a backbone with a winner.

    Returns:
        Its study's predictions out of fold for training images, which runs of earlier versions
        lack, and the winner's for validation and test images: `row`, `split`, codes and class
        probabilities.

    Raises:
        OSError: The winner's predictions cannot be read.
    """
    paths = (run.study(backbone).out_of_fold, run.predictions(backbone))
    return pd.concat([pd.read_csv(path) for path in paths if path.exists()], ignore_index=True)


def suspects(
    labels: Sequence[Label], manifest: pd.DataFrame, predictions: pd.DataFrame
) -> pd.DataFrame:
    """List the labels that the model or other photos of the same person contradict.

    Args:
        labels: The L labels.
        manifest: Images of the run.
        predictions: Table as of `run_predictions`.

    Returns:
        A row a label and image, label by label, the most doubted first, with `COLUMNS`: names of
        the class given and of the likeliest other one, probability of the class given and `doubt`,
        see `Doubts`, whether confident learning takes the label for wrong, and whether it
        contradicts most photos of the same person. Where the model could not be asked, the other
        class is "", probability and doubt are NaN.

    Example:
        >>> from data import GENDER
        >>> codes = np.arange(40) % 2
        >>> second = np.where(codes, 0.9, 0.1)
        >>> codes[0] = 1
        >>> manifest = pd.DataFrame({"path": "a.png", "label": codes, "identity": None})
        >>> predictions = pd.DataFrame({"row": range(40), "split": "train", "label": codes})
        >>> table = suspects([GENDER], manifest, predictions.assign(p_man=second))
        >>> table[["row", "given", "suggested", "p_given"]].to_dict("records")
        [{'row': 0, 'given': 'man', 'suggested': 'woman', 'p_given': 0.1}]
    """
    parts = [_of_label(number, labels, manifest, predictions) for number in range(len(labels))]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def contradictions(label: Label, column: str, manifest: pd.DataFrame) -> pd.Index:
    """Return the rows whose label contradicts most photos of the same person.

    Args:
        label: The label; where photos of one person need not agree in it, there are none.
        column: The manifest's column with its codes.
        manifest: Images of the run.

    Example:
        >>> from data import GENDER
        >>> manifest = pd.DataFrame({"label": [0, 0, 1], "identity": "Ada"})
        >>> contradictions(GENDER, "label", manifest).tolist()
        [2]
    """
    return label_conflicts(manifest.assign(label=manifest[column]), [label]).index


def as_csv(table: pd.DataFrame) -> str:
    """Write a table of suspects, for people who open it in a spreadsheet as well.

    Args:
        table: Table as of `suspects`; names that a spreadsheet would run get an apostrophe.

    Example:
        >>> print(as_csv(pd.DataFrame({"label": ["=1+1"], "given": ["no"], "suggested": ["yes"]})))
        label,given,suggested
        '=1+1,no,yes
        <BLANKLINE>
    """
    return table.assign(**{name: table[name].map(harmless) for name in _NAMES}).to_csv(index=False)


def asked_in_vain(labels: Sequence[Label], predictions: pd.DataFrame) -> dict[str, list[str]]:
    """Return the classes of which too few training images were there to doubt any, by label.

    Args:
        labels: The labels.
        predictions: Table as of `run_predictions`.

    Example:
        >>> from data import GENDER
        >>> table = pd.DataFrame({"split": "train", "label": [0, 1], "p_man": [0.5, np.nan]})
        >>> asked_in_vain([GENDER], table)
        {'gender': ['man']}
    """
    train = predictions[predictions["split"] == "train"]
    codes, p = codes_of(train), from_table(labels, train)
    result = {}
    for number, (label, at) in enumerate(zip(labels, class_slices(labels), strict=True)):
        given = [p[codes[:, number] == code, at.start + code] for code in range(len(label.classes))]
        silent = [len(part) > 0 and bool(np.isnan(part).all()) for part in given]
        names = [name for name, empty in zip(label.classes, silent, strict=True) if empty]
        if names:
            result[label.name] = names
    return result


def _of_label(
    number: int, labels: Sequence[Label], manifest: pd.DataFrame, predictions: pd.DataFrame
) -> pd.DataFrame:
    label, at = labels[number], class_slices(labels)[number]
    codes, p = codes_of(predictions)[:, number], from_table(labels, predictions)[:, at]
    contradicting = contradictions(label, code_columns(labels)[number], manifest)
    table = _doubts(predictions["split"] == "train", codes, p).assign(
        row=predictions["row"],
        split=predictions["split"],
        label=label.name,
        given=codes,
        p_given=p[np.arange(len(codes)), np.maximum(codes, 0)],
        contradicts_person=predictions["row"].isin(contradicting),
    )
    listed = table[table["suspect"] | table["contradicts_person"]]
    listed = listed.sort_values("doubt", ascending=False, kind="stable", na_position="last")
    names = dict(enumerate(label.classes))
    return listed.assign(
        path=manifest["path"].reindex(listed["row"]).to_numpy(),
        given=listed["given"].map(names),
        suggested=[names.get(code, "") for code in listed["suggested"]],
    )


def _doubts(train: pd.Series, codes: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Doubts of each row; training and other images were asked by two models, each with its own."""
    parts = [
        pd.DataFrame(doubts(codes[rows], p[rows])._asdict(), index=np.flatnonzero(rows))
        for rows in (train.to_numpy(), ~train.to_numpy())
        if rows.any()
    ]
    return pd.concat(parts).sort_index()
