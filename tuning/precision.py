"""Which arithmetic the search runs in: bfloat16 where the processor has it, else float32."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def resolve(precision: Precision) -> str:
    """The Keras dtype policy of the search's trunk and tails.

    Winners are always rebuilt and evaluated in float32. With "auto" bfloat16 is used where the
    processor multiplies it natively (a trunk pass is then two to four times faster).
    """
    if precision == "auto":
        precision = "bfloat16" if _has_bfloat16() else "float32"
    return {"bfloat16": "mixed_bfloat16", "float32": "float32"}[precision]


def _has_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return False
    text = cpuinfo.read_text(encoding="utf-8", errors="ignore")
    return any(name in text for name in _INSTRUCTIONS)
