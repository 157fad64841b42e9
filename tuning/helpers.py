"""Who helps this process with a run, as the user chose it."""

from __future__ import annotations

from dataclasses import dataclass

CORES = 4
"""Cores that a step takes on a cluster unless it is said otherwise."""


@dataclass(frozen=True)
class Helpers:
    """Workers on this machine or on a cluster; none where both are left out.

    Attributes:
        workers: Number of workers of a Ray that is started on this machine; None for none.
        address: Address of a Ray cluster, host:port of its head or "auto"; None for none.
        cores: Cores that a step takes on a cluster.

    Example:
        >>> Helpers(workers=2).address is None
        True
    """

    workers: int | None = None
    address: str | None = None
    cores: int = CORES


NOBODY = Helpers()
"""This process does everything."""
