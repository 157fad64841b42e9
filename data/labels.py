"""What a classifier learns: labels with their classes, and how arrays and tables hold them.

Everywhere behind the formats a label is a `Label`, and what a model says of N images is one array
of class probabilities, float [N, K]: the classes of all labels side by side, in order. A label
with two classes has two columns there, though a model's graph gives the second one alone.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_CLASSES = 100
"""More are taken for a column of names or numbers that is no label."""

MISSING = -1
"""Code of an image that has no value of a label."""

AGES = "0-12,13-19,20-39,40-59,60+"
"""Groups of ages, in years, unless others are named."""

UNCERTAIN = "uncertain"
"""What is said in place of a class where the model is not sure enough; no class has this name."""

_NO_NAME = re.compile(r"[^0-9A-Za-z]+")


class Label(BaseModel):
    """What is asked of an image, and the classes among which the answer is.

    Attributes:
        name: Name of the label, such as "gender", "Smiling" or "age".
        classes: Names of its classes; the index of a class is its code. Where there are two, the
            second is the one whose probability the model's graph gives: ("no", "yes").

    Example:
        >>> smiling = Label(name="Smiling", classes=("no", "yes"))
        >>> smiling.is_binary, smiling.width, smiling.output
        (True, 1, 'p_Smiling')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    classes: tuple[str, ...] = Field(min_length=2, max_length=MAX_CLASSES)

    @field_validator("name", "classes")
    @classmethod
    def _are_words(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        words = (value,) if isinstance(value, str) else value
        if len(set(words)) < len(words):
            raise ValueError("a class occurs twice")
        for word in words:
            if not word.strip() or not word.isprintable() or len(word) > 80 or word == UNCERTAIN:
                raise ValueError(f"{word!r} can't be the name of a label or class")
        return value

    @property
    def is_binary(self) -> bool:
        """Whether it has two classes."""
        return len(self.classes) == 2

    @property
    def width(self) -> int:
        """Number of columns that a model's graph gives: 1 for two classes, else one a class."""
        return 1 if self.is_binary else len(self.classes)

    @property
    def output(self) -> str:
        """Name of its probabilities in a model's graph, ASCII.

        Letters that it cannot have are told apart by a few digits of a hash.

        Example:
            >>> GENDER.output, Label(name="hair color", classes=("a", "b", "c")).output
            ('p_man', 'p_hair_color')
        """
        if self == GENDER:
            return "p_man"  # as models were written before there were other labels
        name = _NO_NAME.sub("_", self.name)
        if self.name.isascii():
            return f"p_{name}"
        return f"p_{name}_{hashlib.sha256(self.name.encode()).hexdigest()[:6]}"


GENDER = Label(name="gender", classes=("woman", "man"))
"""The label of CelebA's `Male`, UTKFace and FairFace, which is learned unless another is named."""


def class_slices(labels: Sequence[Label]) -> tuple[slice, ...]:
    """Return where each label's classes lie among the columns of class probabilities.

    Example:
        >>> class_slices([GENDER, Label(name="hair", classes=("fair", "brown", "black"))])
        (slice(0, 2, None), slice(2, 5, None))
    """
    return _slices(len(label.classes) for label in labels)


def output_slices(labels: Sequence[Label]) -> tuple[slice, ...]:
    """Return where each label's logits lie among the columns of a head, see `Label.width`.

    Example:
        >>> output_slices([GENDER, Label(name="hair", classes=("fair", "brown", "black"))])
        (slice(0, 1, None), slice(1, 4, None))
    """
    return _slices(label.width for label in labels)


def _slices(widths: Iterable[int]) -> tuple[slice, ...]:
    ends = np.cumsum([0, *widths]).tolist()
    return tuple(slice(start, end) for start, end in pairwise(ends))


def by_output(labels: Sequence[Label], outputs: Any) -> dict[str, Any]:
    """Name what a Keras model gives: of one label it is a tensor, of several a dict of tensors.

    Args:
        labels: The labels of the model.
        outputs: Tensor or array, or several by the names of `Label.output`.

    Returns:
        The tensors or arrays by these names, in the order of the labels.

    Example:
        >>> list(by_output([GENDER], np.zeros((1, 1))))
        ['p_man']
    """
    if not isinstance(outputs, Mapping):
        [label] = labels
        return {label.output: outputs}
    return {label.output: outputs[label.output] for label in labels}


def from_outputs(labels: Sequence[Label], outputs: Sequence[np.ndarray]) -> np.ndarray:
    """Put the arrays that a model gives side by side as class probabilities.

    Args:
        labels: The L labels of the model.
        outputs: Array of each label, float [N, width]; see `Label.width`.

    Returns:
        float64 [N, K].

    Example:
        >>> from_outputs([GENDER], [np.array([[0.25], [1.0]])]).tolist()
        [[0.75, 0.25], [0.0, 1.0]]
    """
    columns = []
    for label, output in zip(labels, outputs, strict=True):
        p = np.asarray(output, dtype=np.float64).reshape(len(output), label.width)
        columns.append(np.hstack([1 - p, p]) if label.is_binary else p)
    return np.hstack(columns)


def decisions(p: np.ndarray) -> np.ndarray:
    """Decide for the likeliest class; of equal ones for the last, as p >= 0.5 does.

    Args:
        p: Class probabilities, float [N, C].

    Returns:
        Codes, int64 [N].

    Example:
        >>> decisions(np.array([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])).tolist()
        [0, 1, 1]
    """
    p = np.asarray(p)
    return p.shape[1] - 1 - np.argmax(p[:, ::-1], axis=1)


def column(name: str, label: Label, labels: Sequence[Label]) -> str:
    """Return the name of a label's column in a table: "label", or of several "label:Smiling".

    Example:
        >>> smiling = Label(name="Smiling", classes=("no", "yes"))
        >>> column("label", smiling, [smiling]), column("p_yes", smiling, [GENDER, smiling])
        ('label', 'p_yes:Smiling')
    """
    return name if len(labels) == 1 else f"{name}:{label.name}"


def code_columns(labels: Sequence[Label]) -> list[str]:
    """Return the columns in which a manifest holds the codes of each label, `MISSING` for none.

    Example:
        >>> code_columns([GENDER])
        ['label']
    """
    return [column("label", label, labels) for label in labels]


def stratum(label: Label, code: int) -> str:
    """Return the column of `Dataset.strata` that says whether an image is of a class.

    Example:
        >>> stratum(GENDER, 1)
        'gender=man'
    """
    return f"{label.name}={label.classes[code]}"


def is_code_column(name: str) -> bool:
    """Whether a manifest's column holds codes of a label.

    Example:
        >>> is_code_column("label"), is_code_column("label:Smiling"), is_code_column("Smiling")
        (True, True, False)
    """
    return name == "label" or name.startswith("label:")


def codes_of(table: pd.DataFrame) -> np.ndarray:
    """Return the codes of all labels in a manifest or a table of predictions.

    Args:
        table: Table of N rows with the columns of `code_columns`.

    Returns:
        int64 [N, L], `MISSING` where an image has no value of a label.

    Example:
        >>> codes_of(pd.DataFrame({"label:a": [0, 1], "label:b": [2, -1]})).tolist()
        [[0, 2], [1, -1]]
    """
    return table[[name for name in table if is_code_column(str(name))]].to_numpy(np.int64)


def class_counts(codes: np.ndarray, classes: int) -> np.ndarray:
    """Count the images of each class.

    Args:
        codes: Codes of one label, int [N]; `MISSING` is counted nowhere.
        classes: Number of classes.

    Returns:
        int64 [classes].

    Example:
        >>> class_counts(np.array([0, 2, 2, -1]), 3).tolist()
        [1, 0, 2]
    """
    codes = np.asarray(codes)
    return np.bincount(codes[codes != MISSING], minlength=classes)


def probability_columns(labels: Sequence[Label]) -> list[str]:
    """Return the columns in which a table holds class probabilities; for gender alone, `p_man`.

    Example:
        >>> probability_columns([GENDER])
        ['p_man']
        >>> probability_columns([Label(name="hair", classes=("fair", "brown", "black"))])
        ['p_fair', 'p_brown', 'p_black']
    """
    if tuple(labels) == (GENDER,):
        return ["p_man"]
    return [column(f"p_{name}", label, labels) for label in labels for name in label.classes]


def to_table(labels: Sequence[Label], p: np.ndarray) -> pd.DataFrame:
    """Return class probabilities as a table, see `probability_columns`.

    Example:
        >>> to_table([GENDER], np.array([[0.75, 0.25]])).to_dict("list")
        {'p_man': [0.25]}
    """
    names = probability_columns(labels)
    return pd.DataFrame(p[:, -len(names) :], columns=names)


def from_table(labels: Sequence[Label], table: pd.DataFrame) -> np.ndarray:
    """Return the class probabilities of a table that `to_table` made.

    Returns:
        float64 [N, K].

    Raises:
        KeyError: The table lacks a column.

    Example:
        >>> from_table([GENDER], pd.DataFrame({"p_man": [0.25]})).tolist()
        [[0.75, 0.25]]
    """
    p = table[probability_columns(labels)].to_numpy(np.float64)
    return np.hstack([1 - p, p]) if p.shape[1] == 1 else p
