"""What the page and its API answer, free of Gradio."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from data import Framing, ImageError
from inference.bundle import Bundle, BundleError, Precision, read, read_index
from inference.classifier import Classifier
from inference.demo.log import note
from inference.detection.finder import PreparedPicture
from inference.faces import Face
from inference.predict.outputs import Row
from inference.predict.run import Outcome, outcomes

MAX_FILES = 200
"""Files in one batch at most."""

SECONDS = 300
"""After so long a batch stops and says which files it left out."""

AS_CHECKED = "as checked"
PRECISIONS = (AS_CHECKED, "int8", "fp32")
"""Precisions to choose; the first is the faster one of those that are correct on this machine."""


class RefusedError(ValueError):
    """A request that cannot be met, in words for the visitor."""


@dataclass(frozen=True)
class Answer:
    """The faces in a picture, and the milliseconds that each part took."""

    backbone: str
    precision: str | None
    milliseconds: dict[str, float]
    faces: list[Face]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values for the API."""
        return {
            "backbone": self.backbone,
            "precision": self.precision,
            "milliseconds": self.milliseconds,
            "faces": [face.to_dict() for face in self.faces],
        }


@dataclass(frozen=True)
class Models:
    """The exported models, the champion first, or the next in rank that can be used.

    The first is loaded at once, each other one when it is first asked for. `left_out` are the
    names of those that cannot be used, in rank order.
    """

    folder: Path
    bundles: list[Bundle]
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Models":
        """Read the bundles; those that are damaged are reported and passed over.

        Raises BundleError if none can be used.
        """
        index = read_index(folder)
        models = cls(folder, [])
        for name in index.ranked:
            try:
                models._add(name)
            except BundleError as error:
                models.left_out.append(name)
                note(f"passed over: {error}")
        if not models.bundles:
            raise BundleError(
                f"none of the models in {folder} can be used: run `make export` again"
            )
        if models.names[0] != index.champion:
            note(f"the champion {index.champion} is replaced by {models.names[0]}, next in rank")
        return models

    def _add(self, name: str) -> None:
        """Add a model; the one that answers when none is chosen must be seen to work."""
        bundle = read(self.folder / name)
        bundle.choose()
        if not self.bundles:
            _load(self.folder, name, None)
        self.bundles.append(bundle)

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return [bundle.folder.name for bundle in self.bundles]

    def bundle(self, name: str) -> Bundle:
        """Return the bundle of a model. Raises RefusedError if there is none of that name."""
        for bundle in self.bundles:
            if bundle.folder.name == name:
                return bundle
        raise RefusedError(f"there is no such model; there are: {', '.join(self.names)}")

    def load(self, name: str, precision: str = AS_CHECKED) -> Classifier:
        """Load a model.

        Raises RefusedError if it was not exported so, BundleError if it is damaged.
        """
        bundle = self.bundle(name)
        if precision == AS_CHECKED:
            return _load(self.folder, name, None)
        if precision not in bundle.info.formats or precision not in PRECISIONS:
            raise RefusedError("this model was not exported in that precision")
        return _load(self.folder, name, cast(Precision, precision))

    def usable(self) -> list[Classifier]:
        """Load all models but those that turn out to be damaged, which are reported.

        Raises BundleError if all are.
        """
        loaded = []
        for name in self.names:
            try:
                loaded.append(self.load(name))
            except BundleError as error:
                note(f"passed over: {error}")
        if not loaded:
            raise BundleError(f"none of the models in {self.folder} can be used any more")
        return loaded


_loaded: dict[tuple[Path, str, Precision | None], Classifier] = {}


def _load(folder: Path, name: str, precision: Precision | None) -> Classifier:
    key = (folder, name, precision)
    if key not in _loaded:
        _loaded[key] = Classifier.load(folder, name, precision)
    return _loaded[key]


def classify(picture: Path, classifier: Classifier) -> Answer:
    """Find and classify the faces in a picture. Raises data.ImageError if it cannot be read."""
    return _answered(classifier, classifier.prepare(picture))


def _answered(classifier: Classifier, found: PreparedPicture) -> Answer:
    start = time.perf_counter()
    [faces] = classifier.label([found.faces])
    milliseconds = {
        "decode": found.decode_ms,
        "detect": found.detect_ms,
        "align": found.align_ms,
        "classify": (time.perf_counter() - start) * 1e3,
    }
    return Answer(classifier.info.backbone, classifier.precision, milliseconds, faces)


def compare(picture: Path, models: Models) -> list[Answer]:
    """Ask every model, in the precision that it is served in, about one picture.

    A model that turns out to be damaged is reported and passed over.
    Raises data.ImageError if the picture cannot be read, BundleError if no model can be used.
    """
    found: dict[tuple[int, Framing], PreparedPicture] = {}
    answers = []
    for classifier in models.usable():
        wanted = classifier.info.input
        key = (wanted.size, wanted.framing)
        if key not in found:
            found[key] = classifier.prepare(picture)
        answers.append(_answered(classifier, found[key]))
    return answers


def classify_batch(
    pictures: Sequence[tuple[str, Path]],
    classifier: Classifier,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Return one row a face of many pictures, each with its name, as `predict` writes them.

    Raises RefusedError if there are none or too many.
    """
    if not pictures:
        raise RefusedError("no pictures were sent")
    if len(pictures) > MAX_FILES:
        raise RefusedError(f"{len(pictures)} files are too many: {MAX_FILES} at a time")
    deadline = time.monotonic() + SECONDS
    rows: list[Row] = []
    results = outcomes(classifier, [path for _, path in pictures])
    for number, (name, path) in enumerate(pictures):
        in_time = time.monotonic() < deadline
        outcome = next(results) if in_time else Outcome(path, error="left out: it took too long")
        rows += [row | {"file": name} for row in outcome.rows()]
        if progress:
            progress(number + 1, len(pictures))
    return rows


def facts(bundle: Bundle) -> dict[str, Any]:
    """Return the figures measured at export, in the precision that is served."""
    precision = bundle.choose()
    form, metrics = bundle.info.formats[precision], bundle.info.metrics
    return {
        "model": bundle.folder.name,
        "test_accuracy": metrics.test_accuracy,
        "test_accuracy_interval": metrics.test_accuracy_interval,
        "precision": precision,
        "latency_ms": form.latency_ms,
        "throughput": form.throughput,
        "megabytes": form.bytes / 1e6,
        "synthetic": bundle.info.synthetic,
    }


def told(error: ImageError | BundleError | RefusedError) -> str:
    """What the visitor is told; a model's trouble (with its path) goes to the server's log."""
    if isinstance(error, BundleError):
        note(str(error))
        return "This model cannot be used; the server's log says why."
    if isinstance(error, RefusedError):
        return f"{str(error)[0].upper()}{str(error)[1:]}."
    return f"The picture cannot be used: {error}."
