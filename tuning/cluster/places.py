"""What a step takes of a cluster: cores, GPUs, a certain machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Places:
    """What a step takes of a cluster, and how many can be worked on side by side.

    Attributes:
        slots: Number of steps that are worked on side by side.
        cores: Cores of a step.
        gpus: GPUs of a step, 0 or 1.
        home: Ray's name of the driver's machine, None where every worker is on it.
        cores_of_ray: What Ray counts for a step; None for its cores.
    """

    slots: int
    cores: int
    gpus: int = 0
    home: str | None = None
    cores_of_ray: int | None = None

    @classmethod
    def of(cls, machines: Sequence[Mapping[str, float]], cores: int, home: str) -> Places:
        """Divide a cluster.

        Args:
            machines: Ray's resources of each machine.
            cores: Cores of a step; fewer where no machine has as many.
            home: Ray's name of the driver's machine.

        Example:
            >>> Places.of([{"CPU": 16.0}, {"CPU": 2.0}], cores=4, home="a").slots
            4
            >>> Places.of([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 16.0}], cores=4, home="a").slots
            2
        """
        cpus = [int(machine.get("CPU", 0)) for machine in machines]
        gpus = [int(machine.get("GPU", 0)) for machine in machines]
        cores = max(1, min(cores, max(cpus, default=1)))
        fitting = [count // cores for count in cpus]
        if any(gpus):
            fitting = [min(pair) for pair in zip(fitting, gpus, strict=True)]
        return cls(sum(fitting), cores, int(any(gpus)), home)

    def of_step(self) -> dict[str, Any]:
        """Return Ray's options of a step."""
        return {**self.on_processors(), "num_gpus": self.gpus}

    def on_processors(self) -> dict[str, Any]:
        """Return Ray's options of what needs a step's cores and no GPU."""
        return {"num_cpus": self.cores_of_ray or self.cores, "num_gpus": 0}


def environment(cores: int) -> dict[str, str]:
    """Return the environment variables by which a worker keeps to its share of the cores.

    Args:
        cores: Its cores, at least 1.

    Example:
        >>> environment(2)["OMP_NUM_THREADS"]
        '2'
    """
    threads = str(cores)
    return {
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_BACKEND": "tensorflow",
    }


def at_home(home: str) -> Any:
    """Return what keeps a task or an actor on a machine.

    Args:
        home: Ray's name of the machine.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(home, soft=False)
