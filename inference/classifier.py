"""From pictures to faces with a probability and a label."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from inference.bundle import (
    BundleError,
    BundleInfo,
    Label,
    Precision,
    find,
    from_metadata,
    label_of,
    read_index,
)
from inference.detection.alignment import LEAST_QUALITY
from inference.detection.finder import FaceFinder, Finder, Found, Region, Source
from inference.runtime.self_check import open_served
from inference.runtime.session import classify, open_session, warm_up

_log = logging.getLogger(__name__)
_CHUNK = 32  # images a run: larger batches are no faster on a CPU and need more memory


@dataclass(frozen=True)
class Face:
    """A face in a picture, in pixels of the upright picture (right and bottom excluded).

    `detection_score` is None where no detector was asked. `p_man` is the calibrated probability
    that the annotators of the training images would have perceived a man; inside the uncertainty
    band `label` is "uncertain".

    `quality` in 0..1 tells how well the face can be judged, 1 for one seen from the front; below
    `inference.detection.alignment.LEAST_QUALITY` (on its head, a full profile, half covered, or
    no face) `label` is "uncertain" whatever `p_man` is. It is None where no detector was asked.
    """

    face: int
    left: int
    top: int
    right: int
    bottom: int
    detection_score: float | None
    p_man: float
    label: Label
    quality: float | None = None


@dataclass(frozen=True)
class Classifier:
    """A loaded model. Make one with `Classifier.load`; it may be used from several threads.

    `precision` is None for an ONNX file loaded alone, which does not say.
    """

    info: BundleInfo
    precision: Precision | None
    session: ort.InferenceSession
    finder: Finder

    @classmethod
    def load(
        cls,
        models: Path | str = "artifacts/models",
        backbone: str | None = None,
        precision: Precision | None = None,
        threads: int | None = None,
        finder: Finder | None = None,
    ) -> "Classifier":
        """Load an exported model after checking its SHA-256.

        `backbone` left out is the champion, or the next in rank that can be used; `precision` left
        out is INT8 where it decides as at export and is the faster one on this machine, else fp32
        (see `inference.runtime.self_check`); `threads` left out is the number of physical cores;
        `finder` left out finds and aligns the faces, `whole_image` takes pictures that are aligned
        faces. Raises BundleError if the model is not there, or is not what was exported.
        """
        folder = Path(models)
        names = (backbone,) if backbone else read_index(folder).ranked
        for name in names:
            try:
                bundle = find(folder, name)
                served = open_served(bundle, precision, threads)
            except BundleError as error:
                if name == names[-1]:
                    raise
                _log.warning("%s; the model next in rank is used", error)
            else:
                break
        return cls(bundle.info, served.precision, served.session, finder or FaceFinder(threads))

    @classmethod
    def from_onnx(
        cls, path: Path | str, threads: int | None = None, finder: Finder | None = None
    ) -> "Classifier":
        """Load an exported ONNX file without its bundle, by the metadata inside it."""
        session = open_session(Path(path), threads)
        info = from_metadata(session.get_modelmeta().custom_metadata_map, Path(path))
        warm_up(session, info)
        return cls(info, None, session, finder or FaceFinder(threads))

    def predict(self, image: Source | str) -> list[Face]:
        """Classify the faces in one picture (a path, encoded bytes or a PIL image).

        Raises data.ImageError if it cannot be read.
        """
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[Source | str]) -> list[list[Face]]:
        """Classify the faces of several pictures together; one list of faces a picture."""
        return self.label([self.prepare(image).regions for image in images])

    def prepare(self, image: Source | str) -> Found:
        """Decode a picture and cut out its faces. Raises data.ImageError if it cannot be read."""
        source = Path(image) if isinstance(image, str) else image
        return self.finder(source, self.info.input)

    def label(self, pictures: Sequence[Sequence[Region]]) -> list[list[Face]]:
        """Classify the prepared faces of several pictures in common batches."""
        regions = [region for picture in pictures for region in picture]
        answers = iter(self.classify(self._stacked(regions)).tolist())
        return [
            [self._face(index, region, next(answers)) for index, region in enumerate(picture)]
            for picture in pictures
        ]

    def classify(self, batch: np.ndarray) -> np.ndarray:
        """Return p_man, float32 [N] in 0..1, for uint8 RGB images [N, size, size, 3].

        Raises BundleError if the model answers anything but a probability.
        """
        chunks = (batch[start : start + _CHUNK] for start in range(0, len(batch), _CHUNK))
        runs = [classify(self.session, self.info, chunk) for chunk in chunks]
        return np.concatenate(runs) if runs else np.empty(0, np.float32)

    def _stacked(self, regions: Sequence[Region]) -> np.ndarray:
        size = self.info.input.size
        batch = np.empty((len(regions), size, size, 3), np.uint8)
        for index, region in enumerate(regions):
            batch[index] = region.pixels
        return batch

    def _face(self, index: int, found: Region, p_man: float) -> Face:
        box = (found.left, found.top, found.right, found.bottom)
        label = label_of(p_man, self.info) if _can_be_judged(found) else "uncertain"
        return Face(index, *box, found.detection_score, p_man, label, found.quality)


def _can_be_judged(found: Region) -> bool:
    return found.quality is None or found.quality >= LEAST_QUALITY
