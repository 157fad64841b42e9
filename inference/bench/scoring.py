"""Compare predictions on photos with the labels in a `labels.csv`."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.faces import Box


@dataclass(frozen=True)
class PredictedFace:
    """A face that was found in a photo, with its label.

    Attributes:
        box: Box of the face in pixels of the photo.
        label: "woman", "man" or "uncertain"; of a model that does not predict gender, the decision
            on its first label.

    Example:
        >>> PredictedFace(Box(10, 20, 50, 80), "woman").to_dict()
        {'box': [10, 20, 50, 80], 'label': 'woman'}
    """

    box: Box
    label: str

    def to_dict(self) -> dict[str, object]:
        """Return the prediction for JSON."""
        return {"box": list(self.box.xyxy), "label": self.label}


@dataclass(frozen=True)
class LabeledPhoto:
    """Predictions for a photo whose faces are labeled.

    Attributes:
        labels: Labels of the faces from left to right.
        predictions: Predictions of the classifier from left to right, which carry the labels'
            places if there are as many.
        scored: Predictions to compare with the labels.

    Example:
        >>> ours = [PredictedFace(Box(0, 0, 9, 9), "man"), PredictedFace(Box(20, 0, 29, 9), "man")]
        >>> others = [PredictedFace(Box(21, 1, 27, 8), "woman")]
        >>> list(LabeledPhoto(["man", "woman"], ours, others).pairs())
        [('woman', 'woman')]
    """

    labels: list[str]
    predictions: Sequence[PredictedFace]
    scored: Sequence[PredictedFace]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield predicted and true label of each scored face that is one of the labeled faces.

        The labels have no boxes: they are laid on the classifier's own faces where it found as
        many, and a scored face counts as the one whose box its middle lies in.
        """
        if len(self.predictions) != len(self.labels):
            return
        for ours, label in zip(self.predictions, self.labels, strict=True):
            inside = (one.label for one in self.scored if ours.box.contains(one.box.middle))
            yield from ((predicted, label) for predicted in list(inside)[:1])


@dataclass(frozen=True)
class Score:
    """How predictions agree with the labels of photos.

    Attributes:
        labeled: Number of labeled faces.
        found: Number of faces found, at most as many in each photo as are labeled.
        correct: Number of faces found whose label is correct.
        uncertain: Number of faces found whose label is "uncertain".
    """

    labeled: int
    found: int
    correct: int
    uncertain: int

    @classmethod
    def of(cls, photos: Sequence[LabeledPhoto]) -> "Score | None":
        """Return the score over photos; None if there are none.

        Example:
            >>> faces = [PredictedFace(Box(x, 0, x + 9, 9), "man") for x in (0, 20)]
            >>> Score.of([LabeledPhoto(["man", "woman"], faces, faces)])
            Score(labeled=2, found=2, correct=1, uncertain=0)
        """
        if not photos:
            return None
        pairs = [pair for photo in photos for pair in photo.pairs()]
        return cls(
            labeled=sum(len(photo.labels) for photo in photos),
            found=sum(min(len(photo.scored), len(photo.labels)) for photo in photos),
            correct=sum(predicted == label for predicted, label in pairs),
            uncertain=sum(predicted == "uncertain" for predicted, _ in pairs),
        )

    def to_dict(self) -> dict[str, int]:
        """Return the score for JSON, by the names that scripts read."""
        return {
            "labelled": self.labeled,
            "found": self.found,
            "right": self.correct,
            "uncertain": self.uncertain,
        }


def read_labels(path: Path) -> dict[str, list[str]]:
    r"""Return the labels of the faces in each photo, from left to right.

    Args:
        path: CSV with the columns `file`, `faces` and `genders`, the last one separated by `;`.
            It need not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "labels.csv")
        ...     _ = path.write_text("file,faces,genders\na.jpg,2,man;woman\n")
        ...     read_labels(path)
        {'a.jpg': ['man', 'woman']}
    """
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {row["file"]: row["genders"].split(";") for row in rows if row.get("genders")}
