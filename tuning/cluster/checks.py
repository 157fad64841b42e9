"""What a worker returns is looked at before the driver writes it into the run's folder."""

from __future__ import annotations

from typing import Any, get_type_hints

import numpy as np

from tuning.cluster.errors import ClusterError
from tuning.runs.schema import TrialResult
from tuning.search.steps import Layout, Steps, Trained
from tuning.search.winner import Evaluation

_ZIP = b"PK\x03\x04"  # of `.npz` and `.keras`


def checked(step: str, value: Any) -> Any:
    """Return what a step returned.

    Args:
        step: Name of a method of `Steps`.
        value: What came back from a worker.

    Raises:
        ClusterError: It is not what the step returns.

    Example:
        >>> checked("make_pass", 5)
        5
        >>> checked("make_pass", "many")
        Traceback (most recent call last):
            ...
        tuning.cluster.errors.ClusterError: a worker returned a str for the step make_pass
    """
    wanted = get_type_hints(getattr(Steps, step))["return"]
    if not (isinstance(value, wanted) and _is_whole(value)):
        raise ClusterError(f"a worker returned a {type(value).__name__} for the step {step}")
    return value


def _is_whole(value: Any) -> bool:
    if isinstance(value, Layout):
        return bool(value.shapes) and value.shapes.keys() == value.grids.keys()
    if isinstance(value, Trained):
        has_result = isinstance(value.result, TrialResult)
        contents, p = (value.tail, value.checkpoint), value.out_of_fold
        return has_result and all(map(_is_zip, contents)) and (p is None or _are_p(p))
    if isinstance(value, Evaluation):
        p = value.uncalibrated_p
        is_whole = _are_p(p) and not np.isnan(p).any()
        return is_whole and value.model is not None and _is_zip(value.model)
    return bool(value >= 0)


def _are_p(p: object) -> bool:
    """Whether these are probabilities, or not a number where an image was not asked about."""
    if not isinstance(p, np.ndarray) or p.ndim != 2 or p.dtype.kind != "f":
        return False
    return bool((((p >= 0) & (p <= 1)) | np.isnan(p)).all())


def _is_zip(content: object) -> bool:
    return content is None or (isinstance(content, bytes) and content.startswith(_ZIP))
