"""The photos that a report points to: mistakes of the winner, and labels to look at."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from data import Label
from data.labels import MISSING, decisions
from tuning.metrics import confidence


@dataclass(frozen=True)
class Photo:
    """An image of the data set; the page shows the data set's own file.

    Attributes:
        uri: URI of that file.
        name: Name of the file, or its row in the manifest where the name would tell who it is.
    """

    uri: str
    name: str

    @classmethod
    def of(cls, row: int, path: str, identity: Any) -> Self:
        """Name an image without naming the person.

        Args:
            row: Row of the manifest.
            path: Path of the image.
            identity: Who it is, NA where that is not known.

        Example:
            >>> Photo.of(7, "/faces/ada_1.png", "Ada").name, Photo.of(7, "/faces/1.png", "Ada").name
            ('row 7 of manifest.csv', '1.png')
        """
        file = Path(path).absolute()
        who = "" if pd.isna(identity) else _letters(identity)
        named = bool(who) and who in _letters(file.stem)
        return cls(file.as_uri(), f"row {row} of manifest.csv" if named else file.name)


@dataclass(frozen=True)
class Mistake:
    """A test image whose prediction is not its label.

    Attributes:
        row: Row of the manifest.
        photo: The image.
        label: Name of the class as annotated.
        prediction: Name of the class that the model decides for.
        p: Probability of that class, 0..1.
        disputed: Whether the label contradicts most others of the same person in the run's images.
    """

    row: int
    photo: Photo
    label: str
    prediction: str
    p: float
    disputed: bool


@dataclass(frozen=True)
class Suspect:
    """An image whose label should be looked at.

    Attributes:
        photo: The image.
        split: Part of the data set that it is in.
        given: Name of the class as annotated.
        suggested: Name of the likeliest other class.
        p_given: Probability of the class as annotated, NaN where the model was not asked.
        suspect: Whether the model contradicts the label.
        contradicts_person: Whether most other photos of the person are labeled otherwise.
    """

    photo: Photo
    split: str
    given: str
    suggested: str
    p_given: float
    suspect: bool
    contradicts_person: bool


def mistakes(
    label: Label,
    manifest: pd.DataFrame,
    predictions: pd.DataFrame,
    disputed: pd.Index,
) -> list[Mistake]:
    """List the incorrect predictions, the most confident first.

    Args:
        label: The label.
        manifest: Images of the run.
        predictions: Table with `row` of the manifest, `code`, and a column `p` of class
            probabilities for each code.
        disputed: Rows of the manifest whose label contradicts most others of the same person.

    Example:
        >>> from data import GENDER
        >>> manifest = pd.DataFrame({"path": ["a.png", "b.png"], "identity": None})
        >>> predictions = pd.DataFrame({"row": [0, 1], "code": [0, 1], 0: [0.1] * 2, 1: [0.9] * 2})
        >>> found = mistakes(GENDER, manifest, predictions, pd.Index([]))
        >>> [(mistake.photo.name, mistake.prediction) for mistake in found]
        [('a.png', 'man')]
    """
    p = predictions[list(range(len(label.classes)))].to_numpy()
    table = predictions[["row", "code"]].assign(
        prediction=decisions(p), p=confidence(p), disputed=predictions["row"].isin(disputed)
    )
    incorrect = table[(table["code"] != MISSING) & (table["prediction"] != table["code"])]
    by_confidence = incorrect.iloc[np.argsort(-incorrect["p"].to_numpy(), kind="stable")]
    known = by_confidence.join(manifest[["path", "identity"]], on="row")
    return [_mistake(label, row) for row in known.to_dict("records")]


def suspect_photos(table: pd.DataFrame, manifest: pd.DataFrame) -> list[Suspect]:
    """Make the photos of a table of suspects.

    Args:
        table: Rows of `tuning.suspects.table.suspects`.
        manifest: Images of the run.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a.png"], "identity": ["Ada"]})
        >>> suspect_photos(pd.DataFrame(columns=["row"]), manifest)
        []
    """
    known = table.drop(columns="path", errors="ignore").join(
        manifest[["path", "identity"]], on="row"
    )
    return [
        Suspect(
            photo=Photo.of(row["row"], row["path"], row["identity"]),
            split=row["split"],
            given=row["given"],
            suggested=row["suggested"],
            p_given=row["p_given"],
            suspect=row["suspect"],
            contradicts_person=row["contradicts_person"],
        )
        for row in known.to_dict("records")
    ]


def _mistake(label: Label, row: dict[Hashable, Any]) -> Mistake:
    return Mistake(
        row=row["row"],
        photo=Photo.of(row["row"], row["path"], row["identity"]),
        label=label.classes[row["code"]],
        prediction=label.classes[row["prediction"]],
        p=row["p"],
        disputed=row["disputed"],
    )


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.casefold()))
