"""A real search of two small stages: it ends by itself, and a killed one ends the same."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from small_search import best_trial, small_backbone, small_context

from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import TrialRecord, WinnerFacts
from tuning.runs.time_budget import TimeBudget
from tuning.runs.timeline import read_timeline
from tuning.search.context import SearchContext
from tuning.search.engine import OneProcess
from tuning.search.steps import Steps, Trained
from tuning.searches import search_all
from tuning.training.tail_weights import from_bytes


class KilledError(Exception):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture(scope="module", autouse=True)
def backbone() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "googlenet", small_backbone())
        yield


def context_in(folder: Path) -> SearchContext:
    """Forty faces, of which every sixth has the wrong label."""
    context = small_context(folder, 40, Console(file=io.StringIO(), width=200))
    manifest = context.store.manifest
    labels = manifest["label"] ^ (np.arange(len(manifest)) % 6 == 0)
    return replace(context, store=replace(context.store, manifest=manifest.assign(label=labels)))


def find(context: SearchContext) -> WinnerFacts:
    start = {"googlenet": weights.load(BACKBONES["googlenet"], "none")}
    [facts] = search_all(context, OneProcess(), start, TimeBudget(context.run, None))
    return facts


def trials(context: SearchContext) -> dict[str, TrialRecord]:
    return {record.trial: record for record in context.run.study("googlenet").trials()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SearchContext:
    """A search that nobody stopped."""
    context = context_in(tmp_path_factory.mktemp("whole"))
    find(context)
    return context


def test_it_converges_without_a_budget(whole: SearchContext) -> None:
    facts, records = whole.run.read_winner("googlenet"), trials(whole)
    assert facts and facts.score == min(record.score for record in records.values())
    tuned = [record for record in records.values() if record.hyperparameters.depth]
    assert len(tuned) >= 2 and all(record.ended in ("converged", "behind") for record in tuned)
    for record in tuned:
        assert record.result and record.result.epochs >= 4
        assert record.result.history[-1].images == record.result.epochs * 40
    assert whole.run.study("googlenet").read_images() == whole.all_images()
    assert (
        len({"pass", "head", "leg", "winner", "report"} & {*read_timeline(whole.run)["step"]}) == 5
    )


def test_another_session_neither_passes_nor_trains(whole: SearchContext) -> None:
    rows, before = len(read_timeline(whole.run)), trials(whole)
    assert find(whole) == whole.run.read_winner("googlenet")
    assert len(read_timeline(whole.run)) == rows
    assert trials(whole) == before


def killed_in(step: Callable[..., Trained], leg: int) -> Callable[..., Trained]:
    """A step that is killed when it has been worked on, before anybody hears of it."""
    seen: list[int] = []

    def killed(*args: Any) -> Trained:
        result = step(*args)
        seen.append(1)
        if len(seen) == leg:
            raise KilledError
        return result

    return killed


def test_a_search_that_was_killed_in_legs_ends_as_one_that_was_not(
    whole: SearchContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, train = context_in(tmp_path), Steps.train
    for leg in (1, 3):
        monkeypatch.setattr(Steps, "train", killed_in(train, leg))
        with pytest.raises(KilledError):
            find(context)
    monkeypatch.setattr(Steps, "train", train)
    find(context)
    stopped, alone = trials(context), trials(whole)
    common = 0
    for name in stopped.keys() & alone.keys():
        mine, theirs = stopped[name], alone[name]
        if mine.values != theirs.values or not (mine.result and theirs.result):
            continue
        legs = list(zip(mine.result.history, theirs.result.history, strict=False))
        common += len(legs)
        for one, other in legs:
            assert one.images == other.images
            assert one.val_brier == pytest.approx(other.val_brier, rel=1e-3)
            assert one.loss == pytest.approx(other.loss, rel=1e-3)
    assert common >= 6


def test_the_tail_that_is_kept_is_that_of_the_best_leg(whole: SearchContext) -> None:
    study = whole.run.study("googlenet")
    content = study.read_tail(best_trial(study).trial)
    assert content
    tail = from_bytes(content)
    assert tail is not None and tail["logit/bias"].shape == (1,)
    frozen = {name for name in tail if name.startswith(("conv1", "conv2"))}
    assert not frozen
