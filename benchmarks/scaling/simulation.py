"""Who does what when: steps that wait for others, on slots, first come first served."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Pool = Literal["slots", "link"]
"""What a task takes: slots of the machines, or the link of the first one to the others."""


@dataclass(frozen=True)
class Task:
    """A step of a run.

    Attributes:
        part: Part of the run that it belongs to.
        seconds: Time that it takes.
        after: Numbers of the tasks, in the list, that must be done before.
        slots: Number of slots that it takes all the while.
        pool: What it takes: slots, or the link, which one task has at a time.
    """

    part: str
    seconds: float
    after: tuple[int, ...] = ()
    slots: int = 1
    pool: Pool = "slots"


@dataclass(frozen=True)
class Schedule:
    """When each task is worked on.

    Attributes:
        tasks: The tasks.
        starts: Second at which each one starts.
        causes: Number of the task whose end let it start, None at the beginning.
    """

    tasks: Sequence[Task]
    starts: Sequence[float]
    causes: Sequence[int | None]

    @property
    def seconds(self) -> float:
        """Time until the last task is done."""
        return max((self._end(number) for number in range(len(self.tasks))), default=0.0)

    def path(self) -> dict[str, float]:
        """Seconds by part of the tasks that follow each other without a pause to the end."""
        seconds: dict[str, float] = defaultdict(float)
        number = max(range(len(self.tasks)), key=self._end, default=None)
        while number is not None:
            seconds[self.tasks[number].part] += self.tasks[number].seconds
            number = self.causes[number]
        return dict(seconds)

    def work(self) -> dict[str, float]:
        """Seconds by part of all tasks, times the slots that they take."""
        seconds: dict[str, float] = defaultdict(float)
        for task in self.tasks:
            seconds[task.part] += task.slots * task.seconds
        return dict(seconds)

    def _end(self, number: int) -> float:
        return self.starts[number] + self.tasks[number].seconds


def simulate(tasks: Sequence[Task], slots: int) -> Schedule:
    """Let slots work on tasks, each as soon as it can: when others are done and slots are free.

    Args:
        tasks: The tasks; each comes behind those that it waits for.
        slots: Number of slots, at least as many as any task takes.

    Raises:
        ValueError: A task wants more slots than there are, or waits for one that waits for it.

    Example:
        >>> tasks = [Task("a", 2.0), Task("a", 3.0), Task("b", 1.0, after=(0, 1))]
        >>> simulate(tasks, slots=1).seconds, simulate(tasks, slots=2).seconds
        (6.0, 4.0)
        >>> simulate(tasks, slots=2).path()
        {'b': 1.0, 'a': 3.0}
    """
    simulation = _Simulation(tasks, {"slots": slots, "link": 1})
    simulation.run()
    return Schedule(tasks, simulation.starts, simulation.causes)


@dataclass
class _Simulation:
    tasks: Sequence[Task]
    free: dict[Pool, int]
    starts: list[float] = field(init=False)
    causes: list[int | None] = field(init=False)

    def run(self) -> None:
        """Let time pass until all tasks are done."""
        tasks = self.tasks
        self.starts, self.causes = [0.0] * len(tasks), [None] * len(tasks)
        self._waiting = [len(set(task.after)) for task in tasks]
        self._followers = defaultdict(list)
        for number, task in enumerate(tasks):
            for before in set(task.after):
                self._followers[before].append(number)
        self._ready = [number for number, count in enumerate(self._waiting) if not count]
        self._working: list[tuple[float, int]] = []
        self._start_ready(0.0, None)
        while self._working:
            now, done = heapq.heappop(self._working)
            self.free[tasks[done].pool] += tasks[done].slots
            for follower in self._followers[done]:
                self._waiting[follower] -= 1
                if not self._waiting[follower]:
                    self._ready.append(follower)
            self._start_ready(now, done)
        if self._ready or any(self._waiting):
            raise ValueError("some tasks can never start")

    def _start_ready(self, now: float, cause: int | None) -> None:
        left = []
        for number in self._ready:
            task = self.tasks[number]
            if self.free[task.pool] < task.slots:
                left.append(number)
                continue
            self.free[task.pool] -= task.slots
            self.starts[number], self.causes[number] = now, cause
            heapq.heappush(self._working, (now + task.seconds, number))
        self._ready = left
