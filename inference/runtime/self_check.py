"""Does an exported model give here what it gave at export, and which way to run it is faster here?

The SHA-256 proves the file, not the processor: onnxruntime runs other code on each kind, and INT8
that was correct where it was exported has been off by 0.9 of a probability elsewhere. So each form
runs a handful of the bundle's drawn images in each runtime before it is served there. That costs a
fraction of a second (OpenVINO needs seconds to compile a model), once for each machine, file and
runtime: what passed is remembered in the user's cache folder.
"""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import platformdirs
from pydantic import BaseModel

from data.records import read_record, write_record
from inference.bundle import MARGIN, Bundle, Precision
from inference.errors import BundleError
from inference.runtime.machine import default_threads, processor
from inference.runtime.providers import Provider, chosen, runtime_version
from inference.runtime.session import Session, classify, open_with, warm_up
from inference.runtime.timing import interleaved

TOLERANCE: dict[Precision, float] = {"fp32": 0.001, "int8": 0.03}
"""Of each class probability on a check image. Between processors fp32 differs by the order of its
sums, INT8 by a rounding here and there; where sums saturate, most images are off by 0.04 to 0.4."""

_SECONDS = 0.15  # for the check images; those that show most come first
_CHUNK = 4  # of them at least
_ROUNDS = 5  # of timing each form, if both are correct

_log = logging.getLogger(__name__)


class Way(NamedTuple):
    """A way to run a model.

    Attributes:
        precision: Precision of the form.
        provider: Runtime that runs it.

    Example:
        >>> print(Way("int8", "openvino"), Way("int8", "cpu"), sep=", ")
        int8 on openvino, int8
    """

    precision: Precision
    provider: Provider

    def __str__(self) -> str:
        return self.precision + f" on {self.provider}" * (self.provider != "cpu")


class Served(NamedTuple):
    """A form of a model that gives on this machine what it gave at export.

    Attributes:
        way: Precision of the form, and the runtime that runs it.
        session: Session that holds the checked graph.
    """

    way: Way
    session: Session


def open_served(
    bundle: Bundle,
    precision: Precision | None,
    threads: int | None,
    providers: Sequence[str] | None = None,
) -> Served:
    """Open a form of a model that is correct on this machine, in the runtime that is faster here.

    What fails is left out with a warning in the log. Bundles made before there were check images
    are served in fp32 on the CPU.

    Args:
        bundle: Bundle of the model.
        precision: "int8" or "fp32"; None for the faster one of those that are correct here.
        threads: Number of threads of a run; None for the number of physical cores.
        providers: Names of the runtimes to choose from, see `inference.runtime.providers`; of
            equally fast ones the first is taken.

    Raises:
        BundleError: The form, or each of them, cannot be served.
        ProviderError: There is no runtime of that name.
    """
    ways = _ways(bundle, precision, chosen(providers))
    key = _speed_key(bundle, ways, threads)
    known = _recall(key)
    if known in ways:
        ways = (Way(*known), *(way for way in ways if way != known))
        return next(_opening(bundle, ways, threads))
    served = list(_opening(bundle, ways, threads))
    if len(served) == 1:
        return served[0]
    best = _fastest(bundle, served)
    _remember(key, best.way)
    return best


def ways_to_run(bundle: Bundle, providers: Sequence[str] | None = None) -> tuple[Way, ...]:
    """Return the ways to run a model here that can be checked, unchecked as yet.

    Args:
        bundle: Bundle of the model.
        providers: Names of the runtimes, see `open_served`.

    Raises:
        ProviderError: There is no runtime of that name.
    """
    return _of(bundle, bundle.precisions(), chosen(providers))


def open_way(bundle: Bundle, way: Way, threads: int | None) -> Session:
    """Open a model in one way, and check what it gives here.

    Args:
        bundle: Bundle of the model.
        way: One of `ways_to_run`.
        threads: Number of threads of a run; None for the number of physical cores.

    Raises:
        BundleError: It cannot be opened, or gives something else than at export.
    """
    content = bundle.content(way.precision)
    try:
        session = open_with(way.provider, content, threads)
        warm_up(session, bundle.info)
    except BundleError as error:
        raise BundleError(f"{bundle.folder}: {way}: {error}") from None
    key = f"check {bundle.info.formats[way.precision].sha256} {_machine(way)}"
    if _expected(bundle, way) and not _recall(key):
        _check(bundle, way, session)
        _remember(key, True)
    return session


def _ways(
    bundle: Bundle, precision: Precision | None, providers: Sequence[Provider]
) -> tuple[Way, ...]:
    if precision:
        return _of(bundle, (bundle.choose(precision),), providers)
    forms = bundle.precisions() or (bundle.choose(),)
    if bundle.info.checks or "fp32" not in forms or len(forms) == 1:
        return _of(bundle, forms, providers)
    _log.warning(
        "%s was exported without check images, so fp32 is served: `make export` again for INT8",
        bundle.folder,
    )
    return _of(bundle, ("fp32",), providers)


def _of(
    bundle: Bundle, forms: Sequence[Precision], providers: Sequence[Provider]
) -> tuple[Way, ...]:
    """Return the forms in each runtime; but in the CPU's alone what could not be checked."""
    ways = (Way(form, provider) for provider in providers for form in forms)
    return tuple(way for way in ways if way.provider == "cpu" or _expected(bundle, way))


def _opening(bundle: Bundle, ways: Sequence[Way], threads: int | None) -> Iterator[Served]:
    """Yield what can be served, in order. Raises BundleError if there is nothing."""
    any_opened = False
    for way in ways:
        try:
            session = open_way(bundle, way, threads)
        except BundleError as error:
            if way == ways[-1] and not any_opened:
                raise
            _log.warning("%s; another form or runtime is served", error)
        else:
            any_opened = True
            yield Served(way, session)


def _expected(bundle: Bundle, way: Way) -> Sequence[Sequence[float]]:
    """Return what a way gave at export for the check images; nothing if that is not known.

    OpenVINO's INT8 rounds otherwise than onnxruntime's: it is another quantized model, which the
    export puts through the gate of its own.
    """
    checks = bundle.info.checks
    if checks is None:
        return ()
    if way == ("int8", "openvino"):
        return checks.openvino_int8
    return checks.expected.get(way.precision, ())


def _check(bundle: Bundle, way: Way, session: Session) -> None:
    """Run the check images for a while. Raises BundleError if a probability is off."""
    images, expected = bundle.check_images(), np.array(_expected(bundle, way))
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
    if largest > TOLERANCE[way.precision]:
        raise BundleError(
            f"{bundle.folder}: {way} does not give on this processor what it gave at export "
            f"(a probability off by {largest:.2f} on drawn images)"
        )


def _fastest(bundle: Bundle, served: Sequence[Served]) -> Served:
    """Return the fastest; INT8 only if it takes at most `MARGIN` of fp32's time."""
    size = bundle.info.input.size
    image = np.zeros((1, size, size, 3), np.uint8)
    runs = {one.way: partial(classify, one.session, bundle.info, image) for one in served}
    # The shortest time of each: what else the machine does now must not be remembered.
    seconds = interleaved(runs, _ROUNDS, min)
    handicaps = {"int8": 1 / MARGIN, "fp32": 1.0}
    return min(served, key=lambda one: seconds[one.way] * handicaps[one.way.precision])


def _speed_key(bundle: Bundle, ways: Sequence[Way], threads: int | None) -> str:
    files = " ".join(f"{bundle.info.formats[way.precision].sha256} {_machine(way)}" for way in ways)
    return f"faster {files} {threads or default_threads()}"


def _machine(way: Way) -> str:
    return f"{processor()}, {runtime_version(way.provider)}, {way.provider}"


class _Remembered(BaseModel):
    """What was found out on this machine: a way is correct, or is the fastest one."""

    key: str
    value: Literal[True] | Way


def _remember(key: str, value: Literal[True] | Way) -> None:
    with suppress(OSError):  # what cannot be remembered is found out again
        write_record(_path(key), _Remembered(key=key, value=value))


def _recall(key: str) -> Literal[True] | Way | None:
    remembered = read_record(_path(key), _Remembered)
    return remembered.value if remembered and remembered.key == key else None


def _path(key: str) -> Path:
    folder = platformdirs.user_cache_path("face-classifier", appauthor=False) / "self-checks"
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
