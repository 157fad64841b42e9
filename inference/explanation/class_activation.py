"""Exact class activation maps, from the graph itself (Zhou et al., 2016).

Where the head is linear on globally averaged activations, a logit is a mean over the locations
behind the last convolution: each gives its activations times the head's weights. The export adds
these products to the graph as an output, if the model has such a head.
"""

import numpy as np
import onnxruntime as ort

from data.messages import one_line
from inference.bundle import BundleInfo, LabelInfo
from inference.errors import BundleError
from inference.explanation.heat_map import HeatMap


def class_activation_map(
    session: ort.InferenceSession, info: BundleInfo, label: LabelInfo, code: int, pixels: np.ndarray
) -> HeatMap:
    """Run a face through a graph that gives class activations.

    Args:
        session: Session of the model.
        info: Facts of the model.
        label: Label of the model that has `class_activations`.
        code: Code of the class whose map is wanted.
        pixels: uint8 RGB [s, s, 3], as the model sees the face.

    Raises:
        BundleError: The graph does not give what the label's facts say.
    """
    try:
        [given] = session.run([label.class_activations], {info.input.name: pixels[None]})
    except Exception as error:  # onnxruntime raises a dozen unrelated classes here
        reason = one_line(error, 200)
        raise BundleError(f"the model gives no class activations: {reason}") from None
    width = label.label.width
    is_map = isinstance(given, np.ndarray) and given.dtype == np.float32 and given.ndim == 4
    if not is_map or given.shape[::3] != (1, width) or not np.isfinite(given).all():
        raise BundleError(f"the model's class activations for {label.name} are no map of numbers")
    return HeatMap(of_class(given[0], code), "class activation map")


def of_class(activations: np.ndarray, code: int) -> np.ndarray:
    """Return what each location adds to the logit of a class.

    Args:
        activations: Class activations of a label, float32 [h, w, width]; their means over the
            locations are its logits, but for constants.
        code: Code of the class.

    Returns:
        float32 [h, w]. Of two classes the first has the logit of the second with its sign changed.
        Of more, what all classes have in common is left out, as it changes no probability.

    Example:
        >>> of_class(np.float32([[[2.0], [4.0]]]), 0).tolist()
        [[-1.0, -2.0]]
        >>> of_class(np.float32([[[1.0, 2.0, 3.0]]]), 2).tolist()
        [[1.0]]
    """
    locations = activations.shape[0] * activations.shape[1]
    if activations.shape[2] == 1:
        return activations[..., 0] * (1 if code else -1) / locations
    return (activations[..., code] - activations.mean(axis=2)) / locations
