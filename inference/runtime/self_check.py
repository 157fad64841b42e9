"""Does an exported model give here what it gave at export, and which form of it is faster here?

The SHA-256 proves the file, not the processor: onnxruntime runs other code on each kind, and INT8
that was correct where it was exported has been off by 0.9 of a probability elsewhere. So each form
runs a handful of the bundle's drawn images before it is served. That costs a fraction of a second,
once for each machine and file: what passed is remembered in the user's cache folder.
"""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort
import platformdirs
from pydantic import BaseModel

from data.records import read_record, write_record
from inference.bundle import Bundle, Precision, faster
from inference.errors import BundleError
from inference.runtime.machine import default_threads, processor
from inference.runtime.session import classify, open_session, warm_up
from inference.runtime.timing import interleaved

TOLERANCE: dict[Precision, float] = {"fp32": 0.001, "int8": 0.03}
"""Of each class probability on a check image. Between processors fp32 differs by the order of its
sums, INT8 by a rounding here and there; where sums saturate, most images are off by 0.04 to 0.4."""

_SECONDS = 0.15  # for the check images; those that show most come first
_CHUNK = 4  # of them at least
_ROUNDS = 5  # of timing each form, if both are correct

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """A form of a model that gives on this machine what it gave at export.

    Attributes:
        precision: Precision of the form.
        session: Session of onnxruntime that holds the checked graph.
    """

    precision: Precision
    session: ort.InferenceSession


def open_served(bundle: Bundle, precision: Precision | None, threads: int | None) -> Served:
    """Open a form of a model that is correct on this machine.

    A form that fails is left out with a warning in the log. Bundles made before there were check
    images are served in fp32.

    Args:
        bundle: Bundle of the model.
        precision: "int8" or "fp32"; None for the faster one of those that are correct here.
        threads: Number of threads of a run; None for the number of physical cores.

    Raises:
        BundleError: The form, or each of them, cannot be served.
    """
    if precision:
        return _opened(bundle, bundle.choose(precision), threads)
    forms, key = _candidates(bundle), _speed_key(bundle, threads)
    known = _recall(key)
    if known in forms:
        forms = (known, *(form for form in forms if form != known))
        return next(_opening(bundle, forms, threads))
    served = list(_opening(bundle, forms, threads))
    if len(served) == 1:
        return served[0]
    chosen = _faster(bundle, served)
    _remember(key, chosen.precision)
    return chosen


def _candidates(bundle: Bundle) -> tuple[Precision, ...]:
    forms = bundle.precisions() or (bundle.choose(),)
    if bundle.info.checks or "fp32" not in forms or len(forms) == 1:
        return forms
    _log.warning(
        "%s was exported without check images, so fp32 is served: `make export` again for INT8",
        bundle.folder,
    )
    return ("fp32",)


def _opening(bundle: Bundle, forms: Sequence[Precision], threads: int | None) -> Iterator[Served]:
    """Yield the forms that can be served, in order. Raises BundleError if there are none."""
    any_opened = False
    for form in forms:
        try:
            served = _opened(bundle, form, threads)
        except BundleError as error:
            if form == forms[-1] and not any_opened:
                raise
            _log.warning("%s; the other precision is served", error)
        else:
            any_opened = True
            yield served


def _opened(bundle: Bundle, form: Precision, threads: int | None) -> Served:
    session = open_session(bundle.content(form), threads)
    try:
        warm_up(session, bundle.info)
    except BundleError as error:
        raise BundleError(f"{bundle.folder}: {form}: {error}") from None
    key = f"check {bundle.info.formats[form].sha256} {_machine()}"
    if form in _expected(bundle) and not _recall(key):
        _check(bundle, form, session)
        _remember(key, True)
    return Served(form, session)


def _expected(bundle: Bundle) -> dict[Precision, tuple[tuple[float, ...], ...]]:
    return bundle.info.checks.expected if bundle.info.checks else {}


def _check(bundle: Bundle, form: Precision, session: ort.InferenceSession) -> None:
    """Run the check images for a while. Raises BundleError if a probability is off."""
    images, expected = bundle.check_images(), np.array(_expected(bundle)[form])
    if len(images) != len(expected):
        raise BundleError(
            f"{bundle.folder}: {len(images)} check images, but {len(expected)} expected values"
        )
    started, largest = time.perf_counter(), 0.0
    for start in range(0, len(images), _CHUNK):
        part = slice(start, start + _CHUNK)
        p = classify(session, bundle.info, images[part])
        largest = max(largest, float(np.abs(p - expected[part]).max()))
        if time.perf_counter() - started > _SECONDS:
            break
    if largest > TOLERANCE[form]:
        raise BundleError(
            f"{bundle.folder}: {form} does not give on this processor what it gave at export "
            f"(a probability off by {largest:.2f} on drawn images)"
        )


def _faster(bundle: Bundle, served: Sequence[Served]) -> Served:
    size = bundle.info.input.size
    image = np.zeros((1, size, size, 3), np.uint8)
    runs = {one.precision: partial(classify, one.session, bundle.info, image) for one in served}
    # The shortest time of each: what else the machine does now must not be remembered.
    seconds = interleaved(runs, _ROUNDS, min)
    chosen = faster(seconds["int8"], seconds["fp32"])
    return next(one for one in served if one.precision == chosen)


def _speed_key(bundle: Bundle, threads: int | None) -> str:
    forms = bundle.info.formats
    files = " ".join(forms[form].sha256 for form in bundle.precisions())
    return f"faster {files} {threads or default_threads()} {_machine()}"


def _machine() -> str:
    return f"{processor()}, onnxruntime {ort.__version__}"


class _Remembered(BaseModel):
    """What was found out on this machine: a form is correct, or is the faster one."""

    key: str
    value: Literal[True] | Precision


def _remember(key: str, value: Literal[True] | Precision) -> None:
    with suppress(OSError):  # what cannot be remembered is found out again
        write_record(_path(key), _Remembered(key=key, value=value))


def _recall(key: str) -> Literal[True] | Precision | None:
    remembered = read_record(_path(key), _Remembered)
    return remembered.value if remembered and remembered.key == key else None


def _path(key: str) -> Path:
    folder = platformdirs.user_cache_path("face-classifier", appauthor=False) / "self-checks"
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
