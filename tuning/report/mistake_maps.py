"""Heat maps of the mistakes that the report shows: what the winner's predictions rest on."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from data import Framing, ImageError, Label
from data.images import framed, upright_size
from data.labels import by_output, class_slices, from_outputs
from data.rows import Rows
from inference.explanation.heat_map import HeatMap
from inference.explanation.occlusion import occlusion_map
from tuning.backbones.class_activations import has_activations, output_name, with_activations
from tuning.report.photos import Mistake
from tuning.runs.schema import WinnerFacts

_SIDE = 96  # pixels of a drawn map

Explain = Callable[[np.ndarray, int, int], HeatMap]
"""uint8 RGB [s, s, 3], number of a label and code of its class -> the heat map of the class."""


@dataclass(frozen=True)
class MistakeMap:
    """A heat map that lies over the data set's own file, of which the page contains nothing.

    Attributes:
        uri: PNG of the map alone, transparent where nothing rests on the face, as a data URI.
        heat_map: The map.
        size: Width and height of the photo, pixels; None where the face was turned and aligned, so
            that the map fits to no rectangle of it.
        box: Left, top, width and height of what the model saw, pixels of the photo.
    """

    uri: str
    heat_map: HeatMap
    size: tuple[int, int] | None
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Explained:
    """What explains mistakes.

    Attributes:
        images: Images of the run, uint8 RGB [N, s, s, 3].
        framing: Part of each photo that they are.
        detected: Whether faces were found and aligned first.
        explain: Function that explains a prediction.
    """

    images: Rows
    framing: Framing
    detected: bool
    explain: Explain

    def map_of(self, mistake: Mistake, number: int, label: Label, path: str) -> MistakeMap:
        """Explain the prediction of a mistake.

        Args:
            mistake: A mistake of the winner.
            number: Number of the label in the model, from 0.
            label: The label.
            path: Path of the photo.
        """
        code = label.classes.index(mistake.prediction)
        heat_map = self.explain(self.images[mistake.row], number, code)
        size = None if self.detected else _size(Path(path))
        left, top, right, bottom = framed(size, self.framing) if size else (0, 0, 1, 1)
        box = (left, top, right - left, bottom - top)
        return MistakeMap(_data_uri(heat_map.alone(_SIDE)), heat_map, size, box)


def explainer(winner: Path, facts: WinnerFacts, labels: Sequence[Label]) -> Explain:
    """Load a winner and return the function that explains its predictions.

    The maps are class activation maps where the model has them, else by occlusion.

    Args:
        winner: Keras file of the winner.
        facts: Its facts.
        labels: The labels of the run.

    Raises:
        OSError: The file cannot be read.
    """
    import keras

    import tuning.backbones.googlenet  # noqa: F401 - registers its layer

    classifier = keras.models.load_model(winner)
    chosen = facts.hyperparameters
    if not has_activations(chosen):
        return partial(_by_occlusion, _probabilities(classifier, labels), labels)
    slopes = [of_label.calibration.slope for of_label in facts.labels]
    model = with_activations(classifier, labels, slopes, chosen.grid)
    return partial(_by_activations, model, labels)


def _probabilities(
    classifier: Callable[..., Mapping[str, np.ndarray]], labels: Sequence[Label]
) -> Callable[[np.ndarray], np.ndarray]:
    def predict(batch: np.ndarray) -> np.ndarray:
        given = by_output(labels, classifier(batch, training=False))
        return from_outputs(labels, [np.asarray(output) for output in given.values()])

    return predict


def _by_occlusion(
    predict: Callable[[np.ndarray], np.ndarray],
    labels: Sequence[Label],
    pixels: np.ndarray,
    number: int,
    code: int,
) -> HeatMap:
    column = class_slices(labels)[number].start + code
    return occlusion_map(pixels, lambda batch: predict(batch)[:, column])


def _by_activations(
    model: Callable[..., Mapping[str, np.ndarray]],
    labels: Sequence[Label],
    pixels: np.ndarray,
    number: int,
    code: int,
) -> HeatMap:
    given = model(pixels[None], training=False)[output_name(labels[number])]
    return HeatMap.of_activations(np.asarray(given)[0], code)


def _size(path: Path) -> tuple[int, int] | None:
    try:
        return upright_size(path)
    except (ImageError, OSError):
        return None


def _data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
