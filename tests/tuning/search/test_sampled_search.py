"""A search on some of the images, whose winner is trained on all of them."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_search import small_context
from tuning.training.early_stopping import DivergedError

from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import (
    BackboneCosts,
    SearchImages,
    StudyPlan,
    TrainingTime,
    WinnerFacts,
)
from tuning.search import backbone_search, sizing
from tuning.search.backbone_search import search
from tuning.search.context import SearchContext
from tuning.search.engine import OneProcess
from tuning.search.steps import RefitPart, Steps
from tuning.trunk.cache import TrunkCache

GOOGLENET = BACKBONES["googlenet"]
POOLED, CUT = 2 * 1024, 2 * 2 * 2 * 832  # bytes of a view of an image at depths 0 and 1, 64 px


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches on 16 of 48 images, scored on 10 of 25, refits in legs of 16."""
    monkeypatch.setattr(sizing, "ENOUGH", 16)
    monkeypatch.setattr(sizing, "_LEAST", 16)
    monkeypatch.setattr(sizing, "_LEAST_VAL", 10)
    monkeypatch.setattr(sizing, "_LEAST_LEG", 16)
    monkeypatch.setattr(sizing, "_LEG_SECONDS", 1e-3)


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    """48 training images, and room for the pooled features of some."""
    context = small_context(tmp_path, 48, Console(file=io.StringIO(), width=200))
    return replace(context, cache=TrunkCache(tmp_path / "cache", 60 * POOLED))


def find(context: SearchContext, seconds: float | None = None) -> WinnerFacts:
    start = weights.load(GOOGLENET, "none")
    return search(context, OneProcess(), GOOGLENET, start, seconds, lambda: None)


def shown(context: SearchContext) -> str:
    assert isinstance(context.progress.console.file, io.StringIO)
    return context.progress.console.file.getvalue()


class KilledError(Exception):
    """Stands for SIGKILL: nothing catches it."""


def test_the_winner_of_a_sample_is_trained_on_all_images_whoever_kills_it(
    context: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbone_search, "_PART_SECONDS", 0.0)
    train_on, parts = Steps.train_on, []

    def killed_in_the_third(steps: Steps, *args: Any) -> RefitPart:
        parts.append(len(parts))
        if len(parts) == 3:
            raise KilledError
        return train_on(steps, *args)

    monkeypatch.setattr(Steps, "train_on", killed_in_the_third)
    with pytest.raises(KilledError):
        find(context)
    study = context.run.study("googlenet")
    assert study.read_checkpoint()
    facts = find(context)
    plan, refit = study.read_plan(), study.read_refit()
    assert plan is not None and refit is not None
    assert plan.images == SearchImages(train=16, val=10, views=(2, 0))
    assert plan.depths == (0, 1) and len(study.trials()) == 2
    assert (refit.images, refit.epochs) == (48, 2.0)
    assert len(parts) == 7  # three legs an epoch, one of them begun twice
    assert facts.searched == 16
    assert facts.trained == (48 if refit.origin == "refit" else 16)
    assert facts.labels[0].val.count == facts.labels[0].test.count == 25
    assert not study.checkpoint.exists()
    text = shown(context)
    assert "search on 16 of 48 training images; depth 1 from pixels (CACHE_GB=" in text
    assert "then all images" in text


def test_without_any_cache_and_with_a_damaged_checkpoint_a_run_still_ends(
    context: SearchContext,
) -> None:
    context = replace(context, cache=TrunkCache(context.cache.folder, 0))
    study = context.run.study("googlenet")
    study.make()
    study.write_checkpoint(b"damaged")
    facts = find(context)
    plan, refit = study.read_plan(), study.read_refit()
    assert plan is not None and plan.images == SearchImages(train=16, val=10, views=(0, 0))
    assert refit is not None and len(refit.result.history) == 6
    assert facts.labels[0].test.count == 25
    assert not list(context.cache.folder.glob("*.npy"))


def test_a_refit_that_diverges_leaves_the_trial_the_winner(
    context: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(*_: Any) -> RefitPart:
        raise DivergedError("the loss diverged in epoch 1")

    monkeypatch.setattr(Steps, "train_on", diverges)
    study, time = context.run.study("googlenet"), TrainingTime(1.0, 0.1)
    study.make()
    study.write_plan(
        StudyPlan(
            depths=(0,), training_times=(time,), evaluation_seconds=1.0,
            images=SearchImages(train=16, val=10, views=(0,)),
            measured=BackboneCosts(
                train=48, val=25, pass_seconds=0.01, steps=(time,), bytes=(POOLED, CUT), room=0
            ),
        )
    )  # fmt: skip
    facts = find(context)
    assert (facts.origin, facts.searched, facts.trained) == ("trial", 16, 16)
    assert "the refit failed: the loss diverged in epoch 1" in shown(context)


def test_a_plan_of_an_earlier_version_uses_all_images_and_too_short_a_time_is_told(
    tmp_path: Path,
) -> None:
    context = small_context(tmp_path, 32, Console(file=io.StringIO(), width=200))
    study = context.run.study("googlenet")
    study.make()
    study.plan.write_text(
        '{"schema_version": 1, "depths": [0], "costs": [[1.0, 0.1]], "evaluation_seconds": 1.0}'
    )
    facts = find(context, seconds=0.5)
    assert (facts.origin, facts.searched, facts.trained) == ("trial", 32, 32)
    text = shown(context)
    assert "the time is too short: passes, one trial of the head and the evaluation take" in text
    assert "no time left for a refit" in text
