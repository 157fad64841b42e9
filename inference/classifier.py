"""From pictures to faces with the probabilities of the classes, and a decision on each label."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np

from data import ImageError
from data.labels import UNCERTAIN, class_slices
from inference.bundle import (
    Bundle,
    BundleInfo,
    Precision,
    find,
    from_metadata,
    models_folder,
    read,
    read_index,
)
from inference.detection.alignment import LEAST_QUALITY
from inference.detection.finder import FaceFinder, Finder, PreparedFace, PreparedPicture
from inference.errors import BundleError
from inference.explanation.explainer import Explanation, explain_face
from inference.faces import Face, Prediction
from inference.pictures import Picture, to_source
from inference.runtime.providers import Provider
from inference.runtime.self_check import open_served
from inference.runtime.session import Session, classify, open_session, warm_up

_log = logging.getLogger(__name__)
_CHUNK = 32  # images a run: larger batches are no faster on a CPU and need more memory


@dataclass(frozen=True)
class Classifier:
    """A loaded model; several threads may use it.

    Make one with `Classifier.load`, `Classifier.from_bundle` or `Classifier.from_onnx`.

    Attributes:
        info: Facts of the model.
        precision: Precision that is served; None for an ONNX file that was loaded alone.
        session: Session that holds the model's graph.
        finder: Function that prepares the faces of a picture.
        provider: Runtime that runs it, see `inference.runtime.providers`.

    Example:
        >>> classifier = Classifier.load("artifacts/models")  # doctest: +SKIP
        >>> [face] = classifier.predict("photo.jpg")  # doctest: +SKIP
        >>> face.label, face.box.xyxy  # doctest: +SKIP
        ('woman', (121, 138, 226, 278))
    """

    info: BundleInfo
    precision: Precision | None
    session: Session
    finder: Finder
    provider: Provider = "cpu"

    @classmethod
    def load(
        cls,
        models: PathLike[str] | str = "artifacts/models",
        backbone: str | None = None,
        precision: Precision | None = None,
        threads: int | None = None,
        finder: Finder | None = None,
        providers: Sequence[str] | None = None,
    ) -> Self:
        """Load one of the exported models in a folder.

        Args:
            models: Folder that `make export` wrote, or "hf://user/model" or
                "hf://user/model@revision" of a hub, see `inference.bundle.models_folder`.
            backbone: Name of the model, such as "vgg16"; None for the champion, or the next in
                rank that can be used.
            precision: "int8" or "fp32"; None to choose on this machine, see `from_bundle`.
            threads: Number of threads of a run; None for the number of physical cores.
            finder: Function that prepares the faces of a picture; None for `FaceFinder`.
            providers: Names of the runtimes to choose from, such as ("cuda", "cpu"); None for those
                that PROVIDERS in the environment names, see `inference.runtime.providers`.

        Raises:
            BundleError: The model is not there, or is not what was exported.
            ProviderError: There is no runtime of that name.
            HubError: The same of a hub, which is a kind of it, or the hub cannot be asked.
        """
        folder = models_folder(models)
        if backbone:
            return cls.from_bundle(find(folder, backbone), precision, threads, finder, providers)
        *others, last = read_index(folder).ranked
        for name in others:
            try:
                return cls.from_bundle(folder / name, precision, threads, finder, providers)
            except BundleError as error:
                _log.warning("%s; the model next in rank is used", error)
        return cls.from_bundle(folder / last, precision, threads, finder, providers)

    @classmethod
    def from_bundle(
        cls,
        bundle: Bundle | PathLike[str] | str,
        precision: Precision | None = None,
        threads: int | None = None,
        finder: Finder | None = None,
        providers: Sequence[str] | None = None,
    ) -> Self:
        """Load an exported model after checking its SHA-256 and what it gives on this machine.

        Args:
            bundle: Bundle, or its folder.
            precision: "int8" or "fp32"; None for INT8 where it is correct and the faster one on
                this machine, else fp32 (see `inference.runtime.self_check`).
            threads: Number of threads of a run; None for the number of physical cores.
            finder: Function that prepares the faces of a picture; None to find and align them
                (`FaceFinder`), `whole_image` for pictures that are aligned faces.
            providers: Names of the runtimes to choose from, see `load`.

        Raises:
            BundleError: The model is not there, or is not what was exported.
            ProviderError: There is no runtime of that name.
        """
        if not isinstance(bundle, Bundle):
            bundle = read(Path(bundle))
        (form, provider), session = open_served(bundle, precision, threads, providers)
        return cls(bundle.info, form, session, finder or FaceFinder(threads), provider)

    @classmethod
    def from_onnx(
        cls, path: PathLike[str] | str, threads: int | None = None, finder: Finder | None = None
    ) -> Self:
        """Load an exported ONNX file without its bundle, by the metadata inside it.

        Nothing says what it gave at export, so it runs in onnxruntime on the CPU.

        Args:
            path: Path of an ONNX file with the metadata of `inference.bundle.to_metadata`.
            threads: Number of threads of a run; None for the number of physical cores.
            finder: Function that prepares the faces of a picture; None for `FaceFinder`.

        Raises:
            BundleError: The file is no ONNX model, or none that was exported by this program.
        """
        session = open_session(Path(path), threads)
        info = from_metadata(session.get_modelmeta().custom_metadata_map, Path(path))
        warm_up(session, info)
        return cls(info, None, session, finder or FaceFinder(threads))

    def predict(self, picture: Picture) -> list[Face]:
        """Find and classify the faces in one picture.

        Args:
            picture: Path, encoded bytes, binary file, PIL image, or uint8 RGB array
                [height, width, 3].

        Returns:
            The faces by rows, top to bottom, left to right in each; none if none was found.

        Raises:
            ImageError: The picture cannot be read.
            TypeError: The picture is anything else.
            ValueError: The array has another shape or dtype.
            DetectorError: The face detector is not installed.
        """
        [faces] = self.predict_batch([picture])
        if isinstance(faces, ImageError):
            raise faces
        return faces

    def predict_batch(self, pictures: Sequence[Picture]) -> list[list[Face] | ImageError]:
        """Find and classify the faces in several pictures, which run through the model together.

        Args:
            pictures: Pictures as `predict` takes them.

        Returns:
            For each picture, in order, its faces, or the error because of which it could not be
            read: one bad picture does not lose the others.

        Raises:
            TypeError: A picture is of a type that `predict` does not take.
            ValueError: An array has another shape or dtype.
            DetectorError: The face detector is not installed.
        """
        prepared = [self._try_to_prepare(picture) for picture in pictures]
        readable = [one.faces for one in prepared if isinstance(one, PreparedPicture)]
        faces = iter(self.label(readable))
        return [one if isinstance(one, ImageError) else next(faces) for one in prepared]

    def explain(
        self, picture: Picture | PreparedFace, label: str | None = None
    ) -> list[Explanation]:
        """Find what the prediction of each face rests on.

        The class that is named is explained, or the likeliest one where the prediction is
        "uncertain". The map is exact where the model's graph gives class activations, else it is
        made by occlusion, which runs the model 37 times a face (see `inference.explanation`).

        Args:
            picture: Picture as `predict` takes it, or a face that `prepare` made.
            label: Name of the label to explain; None for the first.

        Returns:
            An explanation of each face by rows, as `predict` gives them; none if no face was found.

        Raises:
            ValueError: The model has no label of that name, or an array has another shape or dtype.
            ImageError: The picture cannot be read.
            TypeError: The picture is anything else.
            DetectorError: The face detector is not installed.
            BundleError: The model gives anything but probabilities.

        Example:
            >>> classifier = Classifier.load("artifacts/models")  # doctest: +SKIP
            >>> [why] = classifier.explain("photo.jpg")  # doctest: +SKIP
            >>> why.heat_map.over(why.pixels, 400).save("why.png")  # doctest: +SKIP
            >>> why.heat_map.method, why.finding  # doctest: +SKIP
            ('occlusion', 'with the strongest spot blurred, woman falls from 97.2% to 70.4%')
        """
        prepared = [picture] if isinstance(picture, PreparedFace) else self.prepare(picture).faces
        [faces] = self.label([prepared])
        return [
            self.explain_face(face, one.pixels, label)
            for face, one in zip(faces, prepared, strict=True)
        ]

    def explain_face(self, face: Face, pixels: np.ndarray, label: str | None = None) -> Explanation:
        """Explain one face that is classified already.

        Args:
            face: The face, as `label` gives it.
            pixels: uint8 RGB [size, size, 3], as the model saw it; see `PreparedFace`.
            label: Name of the label to explain; None for the first.

        Raises:
            ValueError: The model has no label of that name.
            BundleError: The model gives anything but probabilities.
        """
        return explain_face(self.session, self.info, face, pixels, self.classify, label)

    def prepare(self, picture: Picture) -> PreparedPicture:
        """Decode a picture and cut out its faces. Raises as `predict`."""
        return self.finder(to_source(picture), self.info.input)

    def label(self, pictures: Sequence[Sequence[PreparedFace]]) -> list[list[Face]]:
        """Classify the prepared faces of several pictures in common batches.

        Args:
            pictures: Prepared faces of each picture.

        Returns:
            The faces of each picture, in the same order.

        Raises:
            BundleError: The model gives anything but probabilities.
        """
        everyone = [face for picture in pictures for face in picture]
        predictions = self._predictions(self.classify(self._stacked(everyone)))
        return [
            [_face(index, face, next(predictions)) for index, face in enumerate(picture)]
            for picture in pictures
        ]

    def classify(self, batch: np.ndarray) -> np.ndarray:
        """Run the model on images that are framed and sized as its input.

        Args:
            batch: uint8 RGB [N, size, size, 3], 0..255; N may be 0.

        Returns:
            Calibrated probability of each class of all labels, float64 [N, K], 0..1; see
            `data.labels`.

        Raises:
            BundleError: The model gives anything but probabilities.
        """
        chunks = (batch[start : start + _CHUNK] for start in range(0, len(batch), _CHUNK))
        runs = [classify(self.session, self.info, chunk) for chunk in chunks]
        if not runs:
            return np.empty((0, sum(len(label.classes) for label in self.info.labels)))
        return np.concatenate(runs)

    def _try_to_prepare(self, picture: Picture) -> PreparedPicture | ImageError:
        try:
            return self.prepare(picture)
        except ImageError as error:
            return error

    def _stacked(self, faces: Sequence[PreparedFace]) -> np.ndarray:
        size = self.info.input.size
        batch = np.empty((len(faces), size, size, 3), np.uint8)
        for index, face in enumerate(faces):
            batch[index] = face.pixels
        return batch

    def _predictions(self, p: np.ndarray) -> Iterator[tuple[Prediction, ...]]:
        """Yield what class probabilities, float [N, K], say of each image on all labels."""
        labels = self.info.classes
        parts = list(zip(self.info.labels, labels, class_slices(labels), strict=True))
        for row in p.tolist():
            yield tuple(
                Prediction(label, tuple(row[part]), info.decide(row[part]))
                for info, label, part in parts
            )


def _face(index: int, face: PreparedFace, predictions: tuple[Prediction, ...]) -> Face:
    found = face.detection
    if found is None:
        return Face(index, face.box, predictions)
    score, quality = round(found.score, 4), round(found.quality, 4)
    if quality < LEAST_QUALITY:
        predictions = tuple(replace(one, decision=UNCERTAIN) for one in predictions)
    return Face(index, face.box, predictions, score, quality, found.landmarks)
