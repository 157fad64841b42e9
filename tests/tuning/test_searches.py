"""The loop over all searches: whose step comes next, its time, its failures, its lines, its end."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from small_search import Rehearsal, small_context

from tuning.backbones.weights import Weights
from tuning.runs.leaderboard import read_leaderboard
from tuning.runs.run_folder import RunError
from tuning.runs.schema import Hyperparameters, WinnerFacts
from tuning.runs.time_budget import TimeBudget
from tuning.runs.timeline import read_timeline
from tuning.search.context import SearchContext
from tuning.searches import search_all

NAMES = ("googlenet", "resnet50", "vgg16")  # in the order of their operations
IMAGES = 300


class Clock(TimeBudget):
    """A budget by the clock of a rehearsal."""

    def __init__(self, context: SearchContext, engine: Rehearsal, minutes: float | None) -> None:
        super().__init__(context.run, minutes)
        self._engine, self._minutes = engine, minutes

    def spent(self) -> float:
        return self._engine.now

    def left(self) -> float | None:
        return None if self._minutes is None else 60 * self._minutes - self.spent()


@pytest.fixture(autouse=True)
def no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time would be spent on waiting for the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    made = small_context(tmp_path, IMAGES, Console(file=io.StringIO(), width=200))
    chosen = {"backbones": NAMES[::-1], "algorithm": "random"}
    settings = made.settings.model_copy(update=chosen)
    object.__setattr__(made, "settings", settings)
    made.run.path.mkdir(parents=True)
    return made


def run(
    context: SearchContext,
    engine: Rehearsal,
    minutes: float | None = None,
    report: Callable[[Any], None] = lambda _: None,
) -> list[WinnerFacts]:
    weights = dict.fromkeys(NAMES, Weights("none", {}, "w"))
    budget = Clock(context, engine, minutes)
    return search_all(context, engine, weights, budget, report=report)


def improving(backbone: str, chosen: Hyperparameters, leg: int) -> float:
    """Fine-tuning makes a head better, for three legs."""
    return 0.2 - 0.01 * chosen.stages - (0.02 * min(leg + 1, 3) if chosen.depth else 0)


def said(context: SearchContext) -> list[str]:
    assert isinstance(context.progress.console.file, io.StringIO)
    return context.progress.console.file.getvalue().splitlines()


def test_all_get_a_winner_first_then_all_are_fine_tuned_until_they_have_converged(
    context: SearchContext,
) -> None:
    engine, reports = Rehearsal(brier=improving), []
    winners = run(context, engine, report=lambda found: reports.append(len(found)))
    assert sorted(facts.backbone for facts in winners) == list(NAMES)
    order = [(name, step) for name, step, _ in engine.done if step in ("evaluate", "train")]
    assert order[:3] == [(name, "evaluate") for name in NAMES]
    assert {name for name, _ in order[3:6]} == set(NAMES)
    assert reports == [3, 3]
    for facts in winners:
        best = context.run.study(facts.backbone).best()
        assert best and (facts.trial, facts.score) == (best.trial, best.score)
        assert facts.hyperparameters.depth and facts.history[-1].leg >= 3
        trials = context.run.study(facts.backbone).trials()
        assert all(trial.ended for trial in trials)
    table = read_leaderboard(context.run)
    assert set(table["status"]) == {"ended"} and table["score"].is_monotonic_increasing


def test_a_run_that_has_converged_does_nothing_when_it_is_run_again(
    context: SearchContext,
) -> None:
    first = run(context, Rehearsal(brier=improving))
    again = Rehearsal(brier=improving)
    assert run(context, again) == first
    assert not again.steps("train") and not again.steps("evaluate") and not again.steps("fit_head")


def test_a_run_that_was_stopped_goes_on_where_it_was(context: SearchContext) -> None:
    def brier(backbone: str, chosen: Hyperparameters, leg: int) -> float:
        if len(engine.steps("train")) == 5:
            raise KeyboardInterrupt
        return improving(backbone, chosen, leg)

    engine = Rehearsal(brier=brier)
    with pytest.raises(KeyboardInterrupt):
        run(context, engine)
    assert engine.stopped
    kept = {(t.trial, len(t.result.history)) for t in trials(context) if t.result}
    winners = run(context, Rehearsal(brier=improving))
    whole = {(t.trial, len(t.result.history)) for t in trials(context) if t.result}
    assert len(winners) == 3
    assert all(any(t == trial and n >= legs for t, n in whole) for trial, legs in kept)


def trials(context: SearchContext) -> list[Any]:
    return [trial for name in NAMES for trial in context.run.study(name).trials()]


@pytest.mark.parametrize("minutes", [1, 3, 10])
def test_a_budget_bounds_everything_and_the_winners_are_up_to_date(
    minutes: float, context: SearchContext
) -> None:
    def report(_: object) -> None:
        engine.now += 2

    costs = {"make_pass": 1.0, "fit_head": 0.5, "train": 9.0, "evaluate": 4.0}
    engine = Rehearsal(brier=improving, seconds=costs)
    winners = run(context, engine, minutes, report)
    assert engine.now <= 1.05 * 60 * minutes
    if minutes >= 3:
        assert len(winners) == 3
    for facts in winners:
        best = context.run.study(facts.backbone).best()
        assert best and facts.trial == best.trial


def test_the_first_winner_is_made_whatever_it_takes(context: SearchContext) -> None:
    engine = Rehearsal(seconds={"make_pass": 50.0, "fit_head": 50.0, "evaluate": 50.0})
    [winner] = run(context, engine, minutes=0.5)
    assert winner.backbone == NAMES[0]


@pytest.mark.parametrize("slots", [1, 3])
def test_a_backbone_that_fails_does_not_stop_the_others(slots: int, context: SearchContext) -> None:
    def brier(backbone: str, chosen: Hyperparameters, leg: int) -> float:
        if backbone == "resnet50":
            raise RuntimeError("out of memory\nat line 1")
        return improving(backbone, chosen, leg)

    winners = run(context, Rehearsal(slots, brier))
    assert {facts.backbone for facts in winners} == {"googlenet", "vgg16"}
    table = read_leaderboard(context.run).query("backbone == 'resnet50'")
    assert set(table["status"]) == {"failed"}
    assert set(table["ended"]) == {"RuntimeError: out of memory"}
    assert any(
        line.startswith("ResNet50: ") and "leaderboard.csv" in line for line in said(context)
    )


def test_where_all_fail_the_first_failure_is_raised(context: SearchContext) -> None:
    def brier(*_: object) -> float:
        raise ValueError("a shape")

    with pytest.raises(RunError, match="of GoogLeNet"):
        run(context, Rehearsal(brier=brier))


@pytest.mark.parametrize("error", [OSError(28, "disk full"), KeyboardInterrupt(), KeyError("bug")])
@pytest.mark.parametrize("slots", [1, 3])
def test_anything_else_stops_all_searches(
    error: BaseException, slots: int, context: SearchContext
) -> None:
    def brier(backbone: str, chosen: Hyperparameters, _: int) -> float:
        if backbone == "vgg16" and chosen.depth:
            raise error
        return 0.1

    engine = Rehearsal(slots, brier)
    with pytest.raises(type(error)):
        run(context, engine)
    assert engine.stopped
    assert {trial.status for trial in trials(context)} <= {"open", "ended"}


def test_slots_are_used_by_whichever_search_has_something_to_do(context: SearchContext) -> None:
    engine = Rehearsal(slots=3, brier=improving)
    winners = run(context, engine)
    assert len(winners) == 3 and 1 < engine.most <= 3
    tuned = [trial for trial in trials(context) if trial.hyperparameters.depth]
    legs = [trial.result.history for trial in tuned if trial.result]
    assert all([leg.leg for leg in history] == list(range(1, len(history) + 1)) for history in legs)


def test_lines_say_whose_they_are_and_the_timeline_has_each_step(context: SearchContext) -> None:
    engine = Rehearsal(brier=improving)
    run(context, engine)
    lines = [line for line in said(context) if "trial" in line]
    titles = ("GoogLeNet ", "ResNet50  ", "VGG16     ")
    assert lines and all(line.startswith(titles) for line in lines)
    timeline: pd.DataFrame = read_timeline(context.run)
    kinds = {"pass": "make_pass", "head": "fit_head", "leg": "train", "winner": "evaluate"}
    for kind, step in kinds.items():
        assert (timeline["step"] == kind).sum() == len(engine.steps(step))
    assert (timeline["step"] == "report").sum() == 1
