"""Precision of the search: bfloat16 where it is faster, else float32."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]
# Not avx512_bf16: with that alone the passes took 1.6 times, training 1.1 to 1.8 times as long as
# in float32 (ResNet50 and VGG16, 96 px, in pairs); with AMX they are two to four times as fast.
_INSTRUCTION = "amx_bf16"


def resolve(precision: Precision) -> str:
    """Return the Keras dtype policy of the search's trunk and tails.

    Winners are always rebuilt and evaluated in float32.

    Args:
        precision: What the user chose; "auto" is bfloat16 on Linux where the processor multiplies
            matrices of it (Intel's AMX), else float32.

    Example:
        >>> resolve("bfloat16")
        'mixed_bfloat16'
    """
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16() else "float32"
    return {"bfloat16": "mixed_bfloat16", "float32": "float32"}[precision]


def _multiplies_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return False
    return _INSTRUCTION in cpuinfo.read_text(encoding="utf-8", errors="ignore")
