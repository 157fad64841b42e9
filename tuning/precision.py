"""Precision of the search: what a GPU is fast in; on a processor the faster of two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16", "float16"]
POLICY = "mixed_"
"""What Keras's dtype policies of half precision begin with."""

# Not avx512_bf16: with that alone the passes took 1.6 times, training 1.1 to 1.8 times as long as
# in float32 (ResNet50 and VGG16, 96 px, in pairs); with AMX they are two to four times as fast.
_INSTRUCTION = "amx_bf16"
_FIRST_BFLOAT16 = (8, 0)  # Ampere
_FIRST_FLOAT16 = (7, 0)  # Volta, the first with tensor cores


def resolve(precision: Precision) -> str:
    """Return the Keras dtype policy of the search's trunk and tails on this machine.

    A run's settings keep what the user chose, so that another machine can go on with it. Winners
    are always rebuilt, saved and exported in float32.

    Args:
        precision: What the user chose; "auto" asks the GPUs that TensorFlow sees, see `of_gpus`.
            Without one it is bfloat16 on Linux where the processor multiplies matrices of it
            (Intel's AMX), else float32.

    Example:
        >>> resolve("bfloat16")
        'mixed_bfloat16'
    """
    chosen = _fastest() if precision == "auto" else precision
    return chosen if chosen == "float32" else POLICY + chosen


def of_gpus(capabilities: Sequence[tuple[int, int]]) -> Precision:
    """Return the precision in which all of some GPUs are fast.

    Args:
        capabilities: CUDA compute capability of each, (0, 0) for one that has none.

    Example:
        >>> of_gpus([(9, 0)]), of_gpus([(8, 6), (7, 5)]), of_gpus([(6, 1)])
        ('bfloat16', 'float16', 'float32')
    """
    least = min(capabilities)
    if least >= _FIRST_BFLOAT16:
        return "bfloat16"
    return "float16" if least >= _FIRST_FLOAT16 else "float32"


def _fastest() -> Precision:
    capabilities = _capabilities()
    if capabilities:
        return of_gpus(capabilities)
    return "bfloat16" if _multiplies_bfloat16() else "float32"


def _capabilities() -> list[tuple[int, int]]:
    import tensorflow as tf  # not above: a precision that is named needs none

    config = tf.config
    gpus = config.get_visible_devices("GPU")  # leaves their memory alone
    details = map(config.experimental.get_device_details, gpus)
    return [detail.get("compute_capability", (0, 0)) for detail in details]


def _multiplies_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return False
    return _INSTRUCTION in cpuinfo.read_text(encoding="utf-8", errors="ignore")
