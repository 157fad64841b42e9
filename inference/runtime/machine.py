"""The processor that this process runs on."""

import platform
from functools import cache
from pathlib import Path

import psutil

from data.processors import usable

_CPUINFO = Path("/proc/cpuinfo")
_INSTRUCTION_SETS = (  # what decides how fast and how exactly INT8 is multiplied, the best first
    ("AMX", "amx_int8"),
    ("AVX-512 VNNI", "avx512_vnni"),
    ("AVX-VNNI", "avx_vnni"),
    ("AVX-512", "avx512f"),
    ("AVX2", "avx2"),
    ("dot product", "asimddp"),
    ("NEON", "asimd"),
)


def processor() -> str:
    """Return the processor's name, as far as the system knows it, with its instruction set.

    Example:
        >>> instruction_set() in processor()
        True
    """
    name = _cpuinfo().get("model name") or platform.processor() or platform.machine()
    return f"{name} ({instruction_set()})"


def instruction_set() -> str:
    """Return the best instruction set for INT8 that the processor offers, such as "AVX2".

    Where the system does not list them, it is the architecture, such as "x86_64".
    """
    facts = _cpuinfo()
    offered = f"{facts.get('flags', '')} {facts.get('Features', '')}".split()
    found = (name for name, flag in _INSTRUCTION_SETS if flag in offered)
    return next(found, platform.machine())


def default_threads() -> int:
    """Return the number of physical cores that this process may use, at least 1.

    Example:
        >>> default_threads() >= 1
        True
    """
    return min(usable(), psutil.cpu_count(logical=False) or 1)


@cache
def _cpuinfo() -> dict[str, str]:
    """Return what Linux lists of the first processor, by name; nothing on other systems."""
    if not _CPUINFO.is_file():
        return {}
    first = _CPUINFO.read_text(errors="replace").partition("\n\n")[0]
    facts = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in facts}
