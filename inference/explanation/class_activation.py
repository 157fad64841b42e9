"""Exact class activation maps, from the graph itself (Zhou et al., 2016).

Where the head is linear on globally averaged activations, a logit is a mean over the locations
behind the last convolution: each gives its activations times the head's weights. The export adds
these products to the graph as an output, if the model has such a head.
"""

import numpy as np

from data.messages import one_line
from inference.bundle import BundleInfo, LabelInfo
from inference.errors import BundleError
from inference.explanation.heat_map import HeatMap
from inference.runtime.session import Session


def class_activation_map(
    session: Session, info: BundleInfo, label: LabelInfo, code: int, pixels: np.ndarray
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
    assert label.class_activations
    try:
        [given] = session.run([label.class_activations], {info.input.name: pixels[None]})
    except Exception as error:  # runtimes raise a dozen unrelated classes here
        reason = one_line(error, 200)
        raise BundleError(f"the model gives no class activations: {reason}") from None
    width = label.label.width
    is_map = isinstance(given, np.ndarray) and given.dtype == np.float32 and given.ndim == 4
    if not is_map or given.shape[::3] != (1, width) or not np.isfinite(given).all():
        raise BundleError(f"the model's class activations for {label.name} are no map of numbers")
    return HeatMap.of_activations(given[0], code)
