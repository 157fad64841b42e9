"""Time photos from file to label, part by part, beside the package that one would use instead."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from rich.table import Table

from data import GENDER, ImageError, decode
from inference.bench import age_and_gender
from inference.bench.scoring import LabeledPhoto, PredictedFace, Score, read_labels
from inference.classifier import Classifier
from inference.errors import PhotosError
from inference.inputs import expand

PARTS = ("decode", "detect", "align", "classify")


@dataclass(frozen=True)
class PhotoTiming:
    """How long one photo takes, and what is seen in it.

    Attributes:
        file: Name of the photo.
        megapixels: Size of the photo in 10^6 pixels.
        milliseconds: Time of each of `PARTS`, the median over the rounds.
        predictions: Faces in the photo from left to right.
        other_milliseconds: Time of the other package; None if it is not installed.
        other_predictions: Faces that the other package sees; None if it is not installed.
        labels: Labels of the faces from left to right; None if `labels.csv` has none.

    Example:
        >>> took = {"decode": 10.0, "detect": 20.0, "align": 2.0, "classify": 8.0}
        >>> photo = PhotoTiming("a.jpg", 12.0, took, [], None, None, labels=None)
        >>> photo.total, photo.cells()[:3]
        (40.0, ['a.jpg', '12.0', '0'])
    """

    file: str
    megapixels: float
    milliseconds: dict[str, float]
    predictions: list[PredictedFace]
    other_milliseconds: float | None
    other_predictions: list[PredictedFace] | None
    labels: list[str] | None

    @property
    def total(self) -> float:
        """Milliseconds from file to labels."""
        return sum(self.milliseconds.values())

    def to_dict(self) -> dict[str, object]:
        """Return the photo for JSON, by the names that scripts read."""
        others = self.other_predictions
        return {
            "file": self.file,
            "megapixels": self.megapixels,
            "milliseconds": self.milliseconds,
            "answers": [one.to_dict() for one in self.predictions],
            "other_milliseconds": self.other_milliseconds,
            "other_answers": None if others is None else [one.to_dict() for one in others],
            "truth": self.labels,
        }

    def cells(self) -> list[str]:
        """Return the figures as text, in the order of the report's columns."""
        cells = [self.file, f"{self.megapixels:.1f}", str(len(self.predictions))]
        cells += [f"{self.milliseconds[part]:.1f}" for part in PARTS] + [f"{self.total:.1f}"]
        if self.other_predictions is not None and self.other_milliseconds is not None:
            cells += [str(len(self.other_predictions)), f"{self.other_milliseconds:.1f}"]
        return cells


@dataclass(frozen=True)
class PhotoReport:
    """The photos that were timed, and scores where `labels.csv` labels them.

    Attributes:
        model: Name and precision of the model.
        other: Name of the other package; None if it is not installed.
        photos: A timing for each photo.
        score: Score of the model; None without labels, or if it does not predict gender.
        other_score: Score of the other package; None without a score, or if it is not installed.
        note: Reason why labels are not used; empty if they are, or if there are none.

    Example:
        >>> score = Score(labeled=4, found=4, correct=3, uncertain=1)
        >>> report = PhotoReport("vgg16 int8", None, [], score, None)
        >>> report.to_dict()["score"], report.table().title
        ({'labelled': 4, 'found': 4, 'right': 3, 'uncertain': 1}, 'vgg16 int8 on photos, ms')
    """

    model: str
    other: str | None
    photos: list[PhotoTiming]
    score: Score | None
    other_score: Score | None
    note: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the report for JSON, by the names that scripts read."""
        return {
            "model": self.model,
            "other": self.other,
            "rows": [photo.to_dict() for photo in self.photos],
            "score": self.score and self.score.to_dict(),
            "other_score": self.other_score and self.other_score.to_dict(),
            **({"note": self.note} if self.note else {}),
        }

    def table(self) -> Table:
        """Return the report for the terminal."""
        table = Table(title=f"{self.model} on photos, ms", caption=self._caption())
        table.add_column("photo", overflow="fold")
        heads = ["MP", "faces", *PARTS, "total"]
        for head in heads + ([f"{self.other}: faces", "total"] if self.other else []):
            table.add_column(head, justify="right")
        for photo in self.photos:
            table.add_row(*photo.cells())
        return table

    def _caption(self) -> str:
        scores = ((self.model, self.score), (self.other, self.other_score))
        lines = [
            f"{name}: found {score.found} of {score.labeled} labeled faces, {score.correct} of "
            f"them labeled correctly and {score.uncertain} uncertain"
            for name, score in scores
            if score
        ]
        return "\n".join([*lines, *filter(None, [self.note])])


def bench_photos(classifier: Classifier, folder: Path, rounds: int) -> PhotoReport:
    """Time the photos in a folder, and score the predictions if there is a `labels.csv`.

    Its labels are of gender: a model that does not predict it is timed only.

    The package age-and-gender is timed on the same photos if it is installed.

    Args:
        classifier: Model to time, with what finds the faces.
        folder: Folder of photos; those that cannot be read are passed over. For `labels.csv` see
            `inference.bench.scoring.read_labels`.
        rounds: Number of timed rounds, at least 1; one more is not timed.

    Raises:
        PhotosError: There are no photos that can be read.
    """
    other, labels = age_and_gender.load(), read_labels(folder / "labels.csv")
    note = ""
    if labels and not _predicts_gender(classifier):
        labels, note = {}, "timed only: labels.csv is of gender, which the model does not predict"
    photos = []
    for path in expand([folder]).files:
        with suppress(ImageError):
            photos.append(_photo(classifier, other, path, rounds, labels.get(path.name)))
    if not photos:
        raise PhotosError(f"no photos in {folder} that can be read")
    return PhotoReport(
        f"{classifier.info.backbone} {classifier.precision}",
        age_and_gender.NAME if other else None,
        photos,
        _score(photos, [photo.predictions for photo in photos]),
        _score(photos, [photo.other_predictions or [] for photo in photos]) if other else None,
        note,
    )


def _predicts_gender(classifier: Classifier) -> bool:
    known = (label for label in classifier.info.labels if label.name == GENDER.name)
    return any(set(label.classes) == set(GENDER.classes) for label in known)


def _photo(
    classifier: Classifier,
    other: age_and_gender.Predict | None,
    path: Path,
    rounds: int,
    labels: list[str] | None,
) -> PhotoTiming:
    """Time a photo. Raises ImageError if it cannot be read."""
    width, height = decode(path).size
    predictions, milliseconds = _timed(classifier, path, rounds)
    other_ms, others = _other_timed(other, path, rounds) if other else (None, None)
    size = width * height / 1e6
    return PhotoTiming(path.name, size, milliseconds, predictions, other_ms, others, labels)


def _timed(
    classifier: Classifier, path: Path, rounds: int
) -> tuple[list[PredictedFace], dict[str, float]]:
    """Return the predictions for a photo, and the median milliseconds of each part."""
    took: dict[str, list[float]] = {part: [] for part in PARTS}
    for turn in range(rounds + 1):
        prepared = classifier.prepare(path)
        start = perf_counter()
        [faces] = classifier.label([prepared.faces])
        classified = (perf_counter() - start) * 1e3
        parts = (prepared.decode_ms, prepared.detect_ms, prepared.align_ms, classified)
        for part, milliseconds in zip(PARTS, parts, strict=True):
            if turn:
                took[part].append(milliseconds)
    on = GENDER.name if _predicts_gender(classifier) else classifier.info.labels[0].name
    predictions = [
        PredictedFace(face.box, face[on].decision)
        for face in sorted(faces, key=lambda face: face.box.left)  # as labels.csv lists them
    ]
    return predictions, {part: median(times) for part, times in took.items()}


def _other_timed(
    predict: age_and_gender.Predict, path: Path, rounds: int
) -> tuple[float, list[PredictedFace]]:
    """Return the median milliseconds for a photo, and the predictions."""
    predictions, took = predict(path), []
    for _ in range(rounds):
        start = perf_counter()
        predict(path)
        took.append((perf_counter() - start) * 1e3)
    return median(took), predictions


def _score(
    photos: Sequence[PhotoTiming], predictions: Sequence[Sequence[PredictedFace]]
) -> Score | None:
    """Return the score of predictions for each photo, over the photos that are labeled."""
    return Score.of(
        [
            LabeledPhoto(photo.labels, photo.predictions, scored)
            for photo, scored in zip(photos, predictions, strict=True)
            if photo.labels
        ]
    )
