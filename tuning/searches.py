"""The searches of a run's backbones: one after the other, or several side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from tuning.backbones.registry import BACKBONES
from tuning.backbones.weights import Weights
from tuning.runs.leaderboard import write_leaderboard
from tuning.runs.run_folder import RunError
from tuning.runs.schema import WinnerFacts
from tuning.runs.time_budget import TimeBudget
from tuning.search.backbone_search import search
from tuning.search.context import SearchContext
from tuning.search.engine import Engine
from tuning.trunk.cache import CacheError

_SHARE_GROWTH = 0.25  # of a backbone's share of the time, with its operations and weights


def search_all(
    context: SearchContext,
    engine: Engine,
    weights: Mapping[str, Weights],
    budget: TimeBudget,
    on_change: Callable[[], None] = lambda: None,
) -> list[WinnerFacts]:
    """Search all backbones, as many side by side as the engine has slots.

    A backbone that fails does not stop the others.

    Args:
        context: Run, data and settings.
        engine: Where they are worked on.
        weights: Pretrained weights of each backbone.
        budget: Time of the run.
        on_change: Called when the run's folder has another trial or winner.

    Returns:
        What is known about each winner.

    Raises:
        RunError: No trial of a backbone succeeded.
        CacheError: The trunk cache's budget or the disk is too small.
        ClusterError: The engine gave up on a step.
    """
    return _Searches(context, engine, weights, budget, on_change).run()


def in_lanes(sizes: Mapping[str, float], lanes: int) -> list[list[str]]:
    """Deal backbones to lanes that end at about the same time; each lane begins with its smallest.

    Args:
        sizes: Share of the time that each backbone needs.
        lanes: Number of lanes, at least 1; fewer where there are not so many backbones.

    Example:
        >>> in_lanes({"vgg16": 3.0, "googlenet": 1.0, "resnet50": 2.0}, lanes=2)
        [['vgg16'], ['googlenet', 'resnet50']]
    """
    dealt: list[list[str]] = [[] for _ in range(min(lanes, len(sizes)))]
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        min(dealt, key=lambda lane: sum(sizes[other] for other in lane)).append(name)
    return [lane[::-1] for lane in dealt]


class _Searches:
    def __init__(
        self,
        context: SearchContext,
        engine: Engine,
        weights: Mapping[str, Weights],
        budget: TimeBudget,
        on_change: Callable[[], None],
    ) -> None:
        self._context, self._engine = context, engine
        self._weights, self._budget = weights, budget
        self._on_change = on_change
        names = sorted(context.settings.backbones, key=lambda name: BACKBONES[name].gmacs)
        # A pass takes longer with a backbone's operations, a step behind the last cuts with its
        # weights.
        self._sizes = {
            name: (BACKBONES[name].gmacs * weights[name].count) ** _SHARE_GROWTH for name in names
        }
        self._names = names
        self._winners: list[WinnerFacts] = []
        self._failures: list[Exception] = []
        self._lock = threading.Lock()

    def run(self) -> list[WinnerFacts]:
        self._context.progress.expect(self._names, self._budget.left)
        lanes = in_lanes(self._sizes, self._engine.slots)
        if len(lanes) == 1:
            self._run_lane(self._names)
        else:
            self._run_side_by_side(lanes)
        if self._failures:
            raise self._failures[0]
        return self._winners

    def _run_side_by_side(self, lanes: Sequence[Sequence[str]]) -> None:
        """Search in a thread a lane; this one takes Ctrl-C and what else ends the run."""
        with self._context.progress.live(), ThreadPoolExecutor(len(lanes)) as threads:
            running = [threads.submit(self._run_lane, lane, True) for lane in lanes]
            try:
                wait(running, return_when=FIRST_EXCEPTION)
                _raise_first(running)
            finally:
                if not all(lane.done() for lane in running):
                    self._engine.stop()

    def _run_lane(self, names: Sequence[str], side_by_side: bool = False) -> None:
        """Search one backbone after the other, each with a share of the time that is left.

        A large one gets more. Those that are cheap to run come first and leave what they don't
        use to the others.
        """
        for number, name in enumerate(names):
            left = self._budget.left()
            needs = [self._sizes[other] for other in names[number:]]
            seconds = None if left is None else left * needs[0] / sum(needs)
            later = len(names) - number - 1
            try:
                self._search(name, seconds, later, side_by_side)
            except (RunError, CacheError) as error:
                self._failures.append(error)
                if len(self._names) > 1:
                    self._context.progress.say(f"{BACKBONES[name].title}: {error}", style="red")

    def _search(self, name: str, seconds: float | None, later: int, side_by_side: bool) -> None:
        backbone = BACKBONES[name]
        with self._context.progress.backbone(backbone.title, later, side_by_side, name) as progress:
            context = replace(self._context, progress=progress)
            facts = search(
                context,
                self._engine,
                backbone,
                self._weights[name],
                seconds,
                self._trial_ended,
            )
        with self._lock:
            self._budget.save()
            self._winners.append(facts)
        progress.winner(facts)
        self._on_change()

    def _trial_ended(self) -> None:
        with self._lock:
            write_leaderboard(self._context.run)
            self._on_change()


def _raise_first(lanes: Sequence[Future[None]]) -> None:
    """Raise what ended a lane, not what it interrupted in the others."""
    for lane in lanes:
        if lane.done():
            lane.result()
