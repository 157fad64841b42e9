"""What a worker returns is looked at before the driver writes it into the run's folder."""

from __future__ import annotations

from typing import Any, get_origin, get_type_hints

import numpy as np

from tuning.cluster.errors import ClusterError
from tuning.runs.schema import TrialResult
from tuning.search.steps import RefitPart, Steps, Trained
from tuning.search.winner import Evaluation

_HDF5, _KERAS = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"


def checked(step: str, value: Any) -> Any:
    """Return what a step returned.

    Args:
        step: Name of a method of `Steps`.
        value: What came back from a worker.

    Raises:
        ClusterError: It is not what the step returns.

    Example:
        >>> checked("count_missing", 5)
        5
        >>> checked("count_missing", "many")
        Traceback (most recent call last):
            ...
        tuning.cluster.errors.ClusterError: a worker returned a str for the step count_missing
    """
    if not (_is_of(step, value) and _is_whole(value)):
        raise ClusterError(f"a worker returned a {type(value).__name__} for the step {step}")
    return value


def _is_of(step: str, value: Any) -> bool:
    wanted = get_type_hints(getattr(Steps, step))["return"]
    return isinstance(value, get_origin(wanted) or wanted)


def _is_whole(value: Any) -> bool:
    if isinstance(value, Trained):
        return isinstance(value.result, TrialResult) and _begins(value.tail, _HDF5)
    if isinstance(value, RefitPart):
        return isinstance(value.checkpoint, bytes) and _is_whole(value.trained)
    if isinstance(value, Evaluation):
        p = value.uncalibrated_p
        numbers = isinstance(p, np.ndarray) and p.ndim == 2 and p.dtype.kind == "f"
        return numbers and bool(((p >= 0) & (p <= 1)).all()) and _begins(value.model, _KERAS)
    return True


def _begins(content: object, with_bytes: bytes) -> bool:
    return content is None or (isinstance(content, bytes) and content.startswith(with_bytes))
