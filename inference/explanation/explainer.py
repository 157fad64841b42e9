"""Explains what a model predicts of a face, by the method that the model allows."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from data.labels import UNCERTAIN, class_slices
from data.messages import one_line
from inference.bundle import BundleInfo, LabelInfo
from inference.explanation.class_activation import class_activation_map
from inference.explanation.heat_map import HeatMap
from inference.explanation.occlusion import GRID, occlusion_map
from inference.faces import Face, Prediction
from inference.runtime.session import Session

_NAME = 24  # characters of a class's name in a line
_METHODS = {
    "class activation map": "class activation map: exact, on a grid of {rows} x {columns}",
    "occlusion": "occlusion: {count} copies, each with another spot blurred",
}


@dataclass(frozen=True)
class Explanation:
    """What the prediction of a class rests on in one face.

    Attributes:
        face: The face, with all predictions.
        prediction: The prediction that is explained: its likeliest class, which is the one that
            was named, if one was.
        heat_map: What each spot adds to that class.
        pixels: uint8 RGB [size, size, 3], what the model saw, over which the map lies.

    Example:
        >>> from data import GENDER
        >>> from inference.faces import Box
        >>> said = Prediction(GENDER, (0.1, 0.9), "man")
        >>> heat_map = HeatMap(np.float32([[0.0, 2.0]]), "occlusion", 0.6)
        >>> pixels = np.zeros((8, 8, 3), np.uint8)
        >>> explanation = Explanation(Face(0, Box(0, 0, 9, 9), (said,)), said, heat_map, pixels)
        >>> print(explanation.finding)
        with the strongest spot blurred, man falls from 90.0% to 60.0%
    """

    face: Face
    prediction: Prediction
    heat_map: HeatMap
    pixels: np.ndarray = field(compare=False, repr=False)

    @property
    def class_name(self) -> str:
        """Name of the class that is explained."""
        return self.prediction.likeliest

    @property
    def question(self) -> str:
        """What is explained: why the class was named, or why it is likelier than the others."""
        name = one_line(self.class_name, _NAME)
        is_named = self.prediction.decision == self.class_name
        return f"why {name}?" if is_named else f"{UNCERTAIN}; why rather {name}?"

    @property
    def method(self) -> str:
        """The method that made the map, in words."""
        rows, columns = self.heat_map.values.shape
        words = _METHODS[self.heat_map.method]
        return words.format(rows=rows, columns=columns, count=rows * columns)

    @property
    def finding(self) -> str:
        """What the map says in a line: how much rests on the strongest spot."""
        heat, p = self.heat_map, self.prediction.probability
        name = one_line(self.class_name, _NAME)
        if heat.is_weak:
            return f"{name} ({p:.1%}) rests on no single spot"
        if heat.covered is None:
            return f"the strongest spot adds {heat.peak:.1f} to the log-odds of {name} ({p:.1%})"
        return f"with the strongest spot blurred, {name} falls from {p:.1%} to {heat.covered:.1%}"

    def to_dict(self) -> dict[str, object]:
        """Return the explanation as plain values that JSON can hold, without the picture."""
        return {
            "face": self.face.index,
            "label": self.prediction.label.name,
            "class": self.class_name,
            "decision": self.prediction.decision,
            "probability": self.prediction.probability,
            "method": self.heat_map.method,
            "covered_probability": self.heat_map.covered,
            "map": self.heat_map.values.round(4).tolist(),
        }


def explain_face(
    session: Session,
    info: BundleInfo,
    face: Face,
    pixels: np.ndarray,
    classify: Callable[[np.ndarray], np.ndarray],
    label: str | None = None,
) -> Explanation:
    """Explain what a model predicts of a face.

    Args:
        session: Session of the model.
        info: Facts of the model.
        face: The face as the model classified it.
        pixels: uint8 RGB [size, size, 3], as the model saw it.
        classify: Function of uint8 RGB [N, size, size, 3] that gives the class probabilities,
            float [N, K], in chunks that fit into memory.
        label: Name of the label to explain; None for the first.

    Raises:
        ValueError: The model has no label of that name.
        BundleError: The graph does not give what `info` says.
    """
    index = _index(info, label)
    prediction, of_label = face.predictions[index], info.labels[index]
    code = of_label.classes.index(prediction.likeliest)
    if of_label.class_activations:
        heat_map = class_activation_map(session, info, of_label, code, pixels)
    else:
        column = class_slices(info.classes)[index].start + code
        heat_map = occlusion_map(pixels, lambda batch: classify(batch)[:, column])
    return Explanation(face, prediction, heat_map, pixels)


def runs_a_face(info: BundleInfo, label: str | None = None) -> int:
    """Return how many times a model runs to explain one face.

    Args:
        info: Facts of the model.
        label: Name of the label to explain; None for the first.

    Raises:
        ValueError: The model has no label of that name.
    """
    return 1 if _label(info, label).class_activations else 1 + GRID**2


def _label(info: BundleInfo, label: str | None) -> LabelInfo:
    return info.labels[_index(info, label)]


def _index(info: BundleInfo, label: str | None) -> int:
    names = [one.name for one in info.labels]
    if label is None:
        return 0
    if label not in names:
        raise ValueError(f"the model does not predict {label!r}: it predicts {', '.join(names)}")
    return names.index(label)
