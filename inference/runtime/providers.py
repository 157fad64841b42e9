"""Which runtimes may run a model here, in which order: the setting PROVIDERS."""

import logging
import os
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal, get_args

import onnxruntime as ort

from data.messages import one_line
from inference.errors import ProviderError

Provider = Literal["cuda", "openvino", "coreml", "dml", "cpu"]
"""The package OpenVINO, or an execution provider of onnxruntime."""

PROVIDERS: tuple[Provider, ...] = get_args(Provider)
VARIABLE = "PROVIDERS"
"""Variable of the environment that names the runtimes, with commas between."""

NAMES: dict[Provider, str] = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Name of each execution provider in onnxruntime."""

_REMEDIES: dict[Provider, str] = {
    "cuda": "pip install onnxruntime-gpu in place of onnxruntime",
    "openvino": "pip install '.[openvino]'",
    "coreml": "it is in onnxruntime for macOS alone",
    "dml": "pip install onnxruntime-directml in place of onnxruntime, on Windows",
}
_DEFAULT: tuple[Provider, ...] = ("openvino",)  # where it is installed
_SHOWN = 40  # characters of an unknown name

_log = logging.getLogger(__name__)


def parse(text: str) -> tuple[Provider, ...]:
    """Read a list of runtimes.

    Args:
        text: Names with commas between, in any case; spaces around them do not count.

    Returns:
        Each name once, in order, "cpu" last: everything else falls back on it.

    Raises:
        ProviderError: A name is unknown; the message names those that there are.

    Example:
        >>> parse("CUDA, cpu,openvino")
        ('cuda', 'openvino', 'cpu')
        >>> parse("tpu")
        Traceback (most recent call last):
        inference.errors.ProviderError: PROVIDERS names 'tpu', which is none of cuda, openvino, ...
    """
    return _ordered(name.strip().lower() for name in text.split(",") if name.strip())


def chosen(providers: Sequence[str] | None) -> tuple[Provider, ...]:
    """Return the runtimes to try here; what is missing is left out with a warning in the log.

    Args:
        providers: Names of the runtimes, see `parse`; None for those that the environment's
            PROVIDERS names, or OpenVINO where it is installed and the CPU.

    Returns:
        At least "cpu", which comes last.

    Raises:
        ProviderError: A name is unknown.

    Example:
        >>> chosen(["cpu"])
        ('cpu',)
    """
    if providers is None and os.environ.get(VARIABLE, "").strip():
        wanted = parse(os.environ[VARIABLE])
    elif providers is None:
        return _ordered(name for name in _DEFAULT if _is_there(name))
    else:
        wanted = _ordered(providers)
    for name in wanted:
        if not _is_there(name):
            _warn_once(name)
    return tuple(name for name in wanted if _is_there(name))


def runtime_version(provider: Provider) -> str:
    """Return the name and version of the package behind a runtime.

    Example:
        >>> runtime_version("cpu").split()[0]
        'onnxruntime'
    """
    if provider != "openvino":
        return f"onnxruntime {ort.__version__}"
    try:
        return f"openvino {version('openvino')}"
    except PackageNotFoundError:
        return "openvino"


def _ordered(names: Iterable[str]) -> tuple[Provider, ...]:
    wanted: list[Provider] = []
    for name in names:
        known = next((one for one in PROVIDERS if one == name), None)
        if known is None:
            raise ProviderError(
                f"{VARIABLE} names {one_line(repr(name), _SHOWN)}, which is none of "
                f"{', '.join(PROVIDERS)}"
            )
        wanted.append(known)
    return (*(name for name in dict.fromkeys(wanted) if name != "cpu"), "cpu")


def _is_there(provider: Provider) -> bool:
    if provider == "openvino":
        return find_spec("openvino") is not None
    return provider == "cpu" or NAMES[provider] in ort.get_available_providers()


@cache
def _warn_once(provider: Provider) -> None:
    _log.warning("%s", missing(provider))


def missing(provider: Provider) -> str:
    """Return the line that says of a runtime that it is not here, and what to do.

    Args:
        provider: Any runtime but "cpu".

    Example:
        >>> missing("openvino")
        "openvino is not installed and is passed over: pip install '.[openvino]'"
    """
    if provider == "openvino":
        return f"openvino is not installed and is passed over: {_REMEDIES[provider]}"
    offered = ", ".join(ort.get_available_providers())
    return (
        f"{provider} is passed over, onnxruntime {ort.__version__} here offers {offered}: "
        f"{_REMEDIES[provider]}"
    )
