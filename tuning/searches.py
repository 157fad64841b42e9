"""The searches of a run's backbones, in one loop that gives each slot to the most urgent step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tuning.backbones.registry import BACKBONES
from tuning.backbones.weights import Weights
from tuning.runs.leaderboard import write_leaderboard
from tuning.runs.run_folder import RunError
from tuning.runs.schema import WinnerFacts
from tuning.runs.time_budget import TimeBudget
from tuning.runs.timeline import TimelineRow, add_row
from tuning.search.backbone_search import BackboneSearch
from tuning.search.context import SearchContext
from tuning.search.engine import Engine
from tuning.search.followed import FollowedHands
from tuning.search.offers import Offer, Turn, Work
from tuning.search.outlook import Outlook
from tuning.search.timings import Timings
from tuning.trunk.cache import CacheError

_REPORT_SECONDS = 30.0  # until one has been written
_SPARE = 1.25  # times what a first winner is expected to take


def search_all(
    context: SearchContext,
    engine: Engine,
    weights: Mapping[str, Weights],
    budget: TimeBudget,
    on_change: Callable[[], None] = lambda: None,
    report: Callable[[Sequence[WinnerFacts]], None] = lambda _: None,
) -> list[WinnerFacts]:
    """Search all backbones until each has converged or the time is over.

    Whenever a slot is free, each search offers what it would do next: first all backbones get a
    winner, then each a fine-tuned leg, then time goes where the next second is expected to bring
    most. A backbone that fails does not stop the others.

    Args:
        context: Run, data and settings.
        engine: Where they are worked on.
        weights: Pretrained weights of each backbone.
        budget: Time of the run.
        on_change: Called when the run's folder has another leg or winner.
        report: Called with the winners when all backbones have one, where that leaves time for
            another report, and in the end.

    Returns:
        What is known about each winner.

    Raises:
        RunError: No trial of a backbone succeeded, or there was no time for any.
        CacheError: The trunk cache's budget or the disk is too small.
        ClusterError: The engine gave up on a step.
        OSError: The disk failed.
    """
    with ExitStack() as stack, context.progress.live():
        searches = _Searches(context, engine, weights, budget, on_change, report)
        return searches.run(stack)


@dataclass(eq=False)
class _Running:
    search: BackboneSearch
    offer: Offer
    began: float  # seconds worked on the run


class _Searches:
    def __init__(
        self,
        context: SearchContext,
        engine: Engine,
        weights: Mapping[str, Weights],
        budget: TimeBudget,
        on_change: Callable[[], None],
        report: Callable[[Sequence[WinnerFacts]], None],
    ) -> None:
        self._context, self._engine = context, engine
        self._weights, self._budget = weights, budget
        self._on_change, self._report = on_change, report
        self._timings = Timings()
        self._searches: list[BackboneSearch] = []
        self._given_up: list[BackboneSearch] = []  # their winners so far count
        self._running: dict[Future[Any], _Running] = {}
        self._failures: list[Exception] = []
        self._report_seconds: float | None = None
        self._outlook = Outlook(context.progress.say)

    def run(self, stack: ExitStack) -> list[WinnerFacts]:
        names = sorted(self._context.settings.backbones, key=lambda name: BACKBONES[name].gmacs)
        self._context.progress.expect(names, self._budget.left)
        for name in names:
            with self._apart(None):
                self._searches.append(self._search(name, stack))
        with _stopping(self._engine):
            self._until_converged()
            self._bring_up_to_date()
        winners = self._winners()
        self._report(winners)
        return winners

    def _search(self, name: str, stack: ExitStack) -> BackboneSearch:
        backbone, weights = BACKBONES[name], self._weights[name]
        progress = self._context.progress.backbone(backbone.title, name)
        context = replace(self._context, progress=progress)
        hands = stack.enter_context(self._engine.hands(context, backbone, weights))
        followed = FollowedHands(hands, progress)
        return BackboneSearch(context, followed, backbone, weights, self._timings, self._changed)

    def _until_converged(self) -> None:
        while self._fill(self._most_urgent) or self._running:
            self._take_next()
            if not all(search.winner for search in self._searches):
                continue
            if self._report_seconds is None and self._without_report() > _REPORT_SECONDS:
                self._first_report()
            self._tell_outlook()

    def _tell_outlook(self) -> None:
        """Say how long it will go on, once each backbone has trained a leg."""
        seconds = [search.seconds_to_converge() for search in self._searches]
        if all(search.is_tuned for search in self._searches):
            scores = [search.best.score for search in self._searches if search.best]
            spent, left = self._budget.spent(), self._budget.left()
            self._outlook.tell(spent, sum(seconds) / self._engine.slots, left, scores)

    def _bring_up_to_date(self) -> None:
        """Let the winners follow their best trials, at the end of the time or of the search."""
        while self._fill(self._last_winner) or self._running:
            self._take_next()
        for search in self._searches:
            if search.winner is None:
                title = BACKBONES[search.name].title
                say = self._context.progress.say
                say(f"{title}: no time for a winner; the same run with a larger BUDGET has one")

    def _fill(self, choose: Callable[[], tuple[BackboneSearch, Offer] | None]) -> bool:
        """Begin steps while slots are free; says whether any was begun."""
        begun = False
        while len(self._running) < self._engine.slots and (chosen := choose()):
            search, offer = chosen
            running = _Running(search, offer, self._budget.spent())
            self._running[offer.begin(self._left())] = running
            begun = True
        return begun

    def _take_next(self) -> None:
        if not self._running:
            return
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            step = self._running.pop(future)
            error, work = future.exception(), Work(0, 0.0)
            with self._apart(step.search):
                if isinstance(error, Exception):
                    step.offer.fails(error)
                elif error is not None:
                    raise error
                else:
                    work = step.offer.end(future.result(), self._budget.spent() - step.began)
            self._record(step, work)

    def _record(self, step: _Running, work: Work) -> None:
        times, search = (step.began, self._budget.spent()), step.search
        row = TimelineRow.of(*times, search.name, step.offer.kind, *work, search.best)
        add_row(self._context.run, row)

    def _most_urgent(self) -> tuple[BackboneSearch, Offer] | None:
        """What one of the searches would do next: what is cheap first, then what gains most."""
        offers = [(s, offer) for s in [*self._searches] if s.winner and (offer := self._offer(s))]
        waiting = (s for s in [*self._searches] if s.winner is None)
        first = next(((s, offer) for s in waiting if (offer := self._offer(s))), None)
        chosen = [*offers, first] if first else offers
        # Of equals the cheapest backbone, which comes first.
        return min(chosen, key=lambda each: _urgency(*each), default=None)

    def _offer(self, search: BackboneSearch) -> Offer | None:
        with self._apart(search):
            share, limit = self._time_for(search)
            offer = search.offer(share, limit)
            return offer if offer and offer.seconds <= limit else None
        return None

    def _time_for(self, search: BackboneSearch) -> tuple[float, float]:
        """Time that a backbone may plan with, and in which its next step has to end.

        Those that wait for a first winner share all there is; others leave what these need, and
        nothing for one that comes too late.
        """
        left = self._left()
        waiting = [other for other in self._searches if other.winner is None]
        if search.winner:
            needed = (other.first_winner_seconds() for other in waiting)
            free = left - sum(_SPARE * seconds for seconds in needed if seconds <= left)
            return free, free
        share = left / len(waiting)
        return share, math.inf if self._is_first(search) else left

    def _is_first(self, search: BackboneSearch) -> bool:
        """Whether a step is for the run's first winner, which there is whatever it takes."""
        return search is self._searches[0] and not any(each.winner for each in self._searches)

    def _last_winner(self) -> tuple[BackboneSearch, Offer] | None:
        left = self._without_report() + self._budget.overtime()
        for search in self._searches:
            with self._apart(search):
                fits = self._is_first(search) or search.closing_seconds() <= left
                if fits and (offer := search.last_winner()):
                    return search, offer
        return None

    def _left(self) -> float:
        """Seconds for further steps: without what winners and the report take in the end."""
        return self._without_report() - sum(search.closing_seconds() for search in self._searches)

    def _without_report(self) -> float:
        left = self._budget.left()
        return math.inf if left is None else left - (self._report_seconds or _REPORT_SECONDS)

    def _first_report(self) -> None:
        """Write a report that can be looked at, and see how long that takes."""
        began = self._budget.spent()
        self._report(self._winners())
        self._report_seconds = self._budget.spent() - began
        row = TimelineRow.of(began, self._budget.spent(), "", "report", 0, 0.0, None)
        add_row(self._context.run, row)

    def _winners(self) -> list[WinnerFacts]:
        searches = [*self._searches, *self._given_up]
        winners = [search.winner for search in searches if search.winner]
        if not winners and self._failures:
            raise self._failures[0]
        return winners

    def _changed(self) -> None:
        self._budget.save()
        write_leaderboard(self._context.run)
        self._on_change()

    @contextmanager
    def _apart(self, search: BackboneSearch | None) -> Iterator[None]:
        """Let the other backbones go on where one fails by itself."""
        try:
            yield
        except (RunError, CacheError) as error:
            self._failures.append(error)
            if len(self._context.settings.backbones) > 1:
                title = f"{BACKBONES[search.name].title}: " if search else ""
                self._context.progress.say(f"{title}{error}", style="red")
            if search in self._searches:
                self._searches.remove(search)
                self._given_up.append(search)


def _urgency(search: BackboneSearch, offer: Offer) -> tuple[int, float]:
    """By which offers are sorted, the most urgent first.

    A large backbone's first winner waits for what is cheap beside it, such as more images for a
    small one.
    """
    if offer.turn is Turn.REST:
        return offer.turn, -offer.gain / max(offer.seconds, 1e-3)
    return offer.turn, offer.seconds if search.winner else search.first_winner_seconds()


@contextmanager
def _stopping(engine: Engine) -> Iterator[None]:
    """Let nobody work on when the block is left by Ctrl-C or an error."""
    try:
        yield
    except BaseException:
        engine.stop()
        raise
