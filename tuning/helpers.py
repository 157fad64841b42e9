"""Who helps this process with a run, as the user chose it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from data.cli import UsageError

CORES = 4
"""Cores that a step takes on a cluster unless it is said otherwise."""

WorkersOption = Annotated[
    int | None,
    typer.Option(
        envvar="WORKERS",
        min=1,
        help="Workers that do the steps of the work side by side on this machine, through a "
        "Ray that is started for it; each has its share of the cores. Left out: this process "
        "does everything.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        help="Ray cluster whose machines do the steps, as host:port of its head, or auto for "
        "the one that this machine belongs to.",
    ),
]
CoresOption = Annotated[
    int, typer.Option(envvar="CORES", min=1, help="Cores that a step takes on a cluster.")
]


@dataclass(frozen=True)
class Helpers:
    """Workers on this machine or on a cluster; none where both are left out.

    Attributes:
        workers: Number of workers of a Ray that is started on this machine; None for none.
        address: Address of a Ray cluster, host:port of its head or "auto"; None for none.
        cores: Cores that a step takes on a cluster.

    Raises:
        UsageError: Both are given.

    Example:
        >>> Helpers(workers=2).address is None
        True
    """

    workers: int | None = None
    address: str | None = None
    cores: int = CORES

    def __post_init__(self) -> None:
        if self.workers and self.address:
            raise UsageError(
                f"WORKERS={self.workers} and RAY_ADDRESS={self.address}: give one of them"
            )


NOBODY = Helpers()
"""This process does everything."""
