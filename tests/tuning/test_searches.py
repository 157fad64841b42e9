"""The loop over all backbones: whose turn it is, what time allows, who fails; steps are played."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from rich.console import Console
from small_search import PlayedEngine, best_trial, play, small_backbone, small_context

from tuning.backbones.registry import BACKBONES, Tuning
from tuning.cluster.errors import ClusterError
from tuning.runs.run_folder import RunError
from tuning.runs.timeline import TimelineRow, read_timeline
from tuning.search.context import SearchContext
from tuning.search.presets import Preset
from tuning.training.validation import DivergedError
from tuning.trunk.cache import CacheError

NAMES = ("googlenet", "vgg16", "resnet50")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small backbones, and a disk that is not waited for."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for name in NAMES:
        monkeypatch.setitem(BACKBONES, name, small_backbone(name))


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    console = Console(file=io.StringIO(), width=200)
    return small_context(tmp_path, 60, console, NAMES)


def shown(context: SearchContext) -> str:
    assert isinstance(context.progress.console.file, io.StringIO)
    return context.progress.console.file.getvalue()


def order(engine: PlayedEngine, step: str) -> list[int]:
    return [at for at, (_, kind, _) in enumerate(engine.done) if kind == step]


def raising(error: BaseException, name: str, step: str, at: slice = slice(None)) -> Any:
    """Fails in one kind of step of one backbone: in all of them, or those at some places."""
    seen: list[bool] = []

    def before(backbone: str, kind: str, _: object) -> None:
        if (backbone, kind) == (name, step):
            seen.append(True)
            if any([*[False] * (len(seen) - 1), True][at]):
                raise error

    return before


def hyperparameters(engine: PlayedEngine) -> list[Any]:
    """What heads were solved, on which images."""
    return [(head.hyperparameters, head.images) for head in engine.steps("fit_head")]


@pytest.mark.parametrize("slots", [1, 3])
def test_all_have_winners_before_any_is_fine_tuned_and_each_a_leg_before_a_second(
    slots: int, context: SearchContext
) -> None:
    engine = PlayedEngine(slots=slots)
    winners = play(context, engine)
    assert [facts.backbone for facts in winners] == list(NAMES)
    first = {name: at for at, (name, step, _) in reversed([*enumerate(engine.done)])
             if step == "evaluate"}  # fmt: skip
    legs = order(engine, "train")
    assert max(first.values()) < legs[0]
    if slots == 1:  # else a slot may be free while others wait for passes
        assert sorted(engine.done[at][0] for at in legs[:3]) == sorted(NAMES)
    assert all(facts.hyperparameters.depth == 1 for facts in winners)


def test_a_run_without_a_budget_ends_when_all_have_converged(context: SearchContext) -> None:
    engine = PlayedEngine()
    winners = play(context, engine)
    for facts in winners:
        study = context.run.study(facts.backbone)
        best = best_trial(study)
        assert (best.trial, best.ended) == (facts.trial, "converged")
        assert facts.score == best.score
        assert all(trial.ended for trial in study.trials())
        assert any(trial.trial > best.trial for trial in study.trials())
    assert "no time" not in shown(context)


def test_every_step_is_a_row_of_the_timeline(context: SearchContext) -> None:
    engine = PlayedEngine()
    play(context, engine)
    rows = read_timeline(context.run)
    assert tuple(rows.columns) == TimelineRow._fields
    kinds = {"make_pass": "pass", "fit_head": "head", "train": "leg", "evaluate": "winner"}
    steps = [(name, kinds[step]) for name, step, _ in engine.done if step != "layout"]
    of_backbones = rows[rows["step"] != "report"]
    assert list(zip(of_backbones["backbone"], of_backbones["step"], strict=True)) == steps
    assert (rows["step"] == "report").sum() == 1
    assert (rows["began"].to_numpy()[1:] >= rows["ended"].to_numpy()[:-1]).all()
    assert rows["ended"].iloc[-1] == pytest.approx(engine.now, abs=0.01)
    legs = rows[rows["step"] == "leg"]
    assert (legs["ended"] - legs["began"]).to_numpy() == pytest.approx(10, abs=0.02)
    for name in NAMES:
        scores = rows.loc[rows["backbone"] == name, "score"].dropna()
        assert scores.iloc[-1] == pytest.approx(context.run.read_winner(name).score)  # type: ignore[union-attr]


def test_the_report_is_written_when_all_have_winners_and_in_the_end(
    context: SearchContext,
) -> None:
    seen: list[tuple[int, set[int]]] = []
    engine = PlayedEngine()

    def report(winners: Any) -> None:
        seen.append((len(engine.steps("train")), {w.hyperparameters.depth for w in winners}))

    changes: list[float] = []
    play(context, engine, report=report, on_change=lambda: changes.append(engine.now))
    assert seen[0] == (0, {0}) and seen[-1] == (len(engine.steps("train")), {1})
    assert len(seen) == 2
    told = len(engine.steps("train")) + len(engine.steps("fit_head"))
    assert len(changes) == told + len(engine.steps("evaluate"))
    assert context.run.leaderboard.exists()


def test_winners_follow_the_best_trial_at_a_small_share_of_the_time(
    context: SearchContext,
) -> None:
    settings = context.settings.model_copy(update={"backbones": ("googlenet",)})
    patient = Preset("tiny", 64, patience=8, challengers=4)
    engine = PlayedEngine(seconds={"make_pass": 0, "fit_head": 1, "train": 10, "evaluate": 1})
    play(replace(context, settings=settings, preset=patient), engine)
    evaluations, legs = order(engine, "evaluate"), order(engine, "train")
    between = [at for at in evaluations if legs[0] < at < legs[-1]]
    assert between, "not in the end alone"
    assert len(between) * 1 <= 0.05 * (len(legs) * 10) + 1


def test_a_second_session_repeats_nothing(context: SearchContext) -> None:
    first = PlayedEngine()
    winners = play(context, first)
    again = PlayedEngine(cached=first.cached)
    assert play(context, again) == winners
    assert {step for _, step, _ in again.done} == {"layout"}


@pytest.mark.parametrize("stop", [5, 14, 27])
def test_a_session_that_was_stopped_goes_on_where_it_was(stop: int, context: SearchContext) -> None:
    """By Ctrl-C in any step: what was done until then is not done again."""

    def interrupt(*_: object) -> None:
        if len(first.done) > stop:
            raise KeyboardInterrupt

    first = PlayedEngine(before=interrupt)
    with pytest.raises(KeyboardInterrupt):
        play(context, first)
    assert first.stopped
    *done, _ = first.done
    before = {name: context.run.read_winner(name) for name in NAMES}
    assert sum(facts is not None for facts in before.values()) == len(
        {name for name, step, _ in done if step == "evaluate"}
    )
    second = PlayedEngine(cached=first.cached)
    winners = play(context, second)
    assert [facts.backbone for facts in winners] == list(NAMES)

    def heads(steps: list[tuple[str, str, Any]]) -> list[tuple[Any, ...]]:
        return [(n, a.hyperparameters, a.images) for n, step, a in steps if step == "fit_head"]

    assert not {*heads(done)} & {*heads(second.done)}
    whole = PlayedEngine()
    with_clean_folder = replace(context, run=type(context.run)(context.run.path / "other"))
    with_clean_folder.run.path.mkdir()
    play(with_clean_folder, whole)
    for name in NAMES:
        legs = [
            (a.name, a.checkpoint) for n, s, a in done + second.done if (n, s) == (name, "train")
        ]
        assert len(set(legs)) == len(legs)
        stopped, alone = (best_trial(c.run.study(name)) for c in (context, with_clean_folder))
        assert stopped.score == pytest.approx(alone.score)


def test_a_larger_budget_more_backbones_and_another_preset_go_on(context: SearchContext) -> None:
    one = replace(context, settings=context.settings.model_copy(update={"backbones": NAMES[:1]}))
    short = PlayedEngine()
    [facts] = play(one, short, minutes=0.8)
    assert short.now <= 48
    longer = PlayedEngine(cached=short.cached, now=short.now)
    [better] = play(one, longer, minutes=30)
    assert better.score < facts.score
    assert not {*hyperparameters(short)} & {*hyperparameters(longer)}
    more = PlayedEngine(cached=short.cached)
    assert len(play(context, more)) == 3
    assert not more.steps("train", NAMES[0]) and more.steps("train", NAMES[1])
    finer = replace(context, preset=Preset("full", 64, patience=3, challengers=4))
    most = PlayedEngine(cached=short.cached)
    play(finer, most)
    for name in NAMES:
        tuned = [t for t in context.run.study(name).trials() if t.hyperparameters.depth]
        assert len(tuned) >= 5 and most.steps("train", name)


@pytest.mark.parametrize("minutes", [0.9, 1.5, 3, 10])
@pytest.mark.parametrize("report_seconds", [0, 20])
def test_a_budget_is_kept(minutes: float, report_seconds: int, context: SearchContext) -> None:
    engine = PlayedEngine()

    def report(_: object) -> None:
        engine.now += report_seconds

    winners = play(context, engine, minutes=minutes, report=report)
    assert engine.now <= 60 * minutes + 1
    for facts in winners:
        assert context.run.study(facts.backbone).trials()[-1].status != "failed"
    if minutes >= 3:
        assert len(winners) == 3
        best = [best_trial(context.run.study(name)) for name in NAMES]
        assert [facts.score for facts in winners] == [trial.score for trial in best]


def test_a_tiny_budget_has_one_winner_and_says_which_backbones_have_none(
    context: SearchContext,
) -> None:
    engine = PlayedEngine()
    winners = play(context, engine, minutes=0.02)
    assert [facts.backbone for facts in winners] == ["googlenet"]
    assert not engine.steps("train") and not engine.steps("make_pass", "vgg16")
    for title in ("Vgg16", "Resnet50"):
        assert f"{title}: no time for a winner; the same run with a larger BUDGET" in shown(context)
    assert "Googlenet: no time" not in shown(context)


def test_a_first_winner_comes_with_the_first_head(context: SearchContext) -> None:
    engine = PlayedEngine()
    play(context, engine)
    for name in NAMES:
        steps = [step for of, step, _ in engine.done if of == name]
        assert steps[: steps.index("evaluate")].count("fit_head") == 1


def test_a_better_head_is_a_winner_before_others_have_theirs(context: SearchContext) -> None:
    """A stop that the run does not survive leaves it, not the first one."""
    engine = PlayedEngine()
    engine.seconds["evaluate"] = 0.05
    play(context, engine)
    steps = [(of, step) for of, step, _ in engine.done]
    others = steps.index(("resnet50", "evaluate"))
    assert steps[:others].count(("googlenet", "evaluate")) == 2
    assert ("googlenet", "train") not in steps[:others]


def test_nobody_waits_for_one_that_comes_too_late(context: SearchContext) -> None:
    """The last one's passes turn out so slow that what is left is too short for it."""

    def before(name: str, step: str, _: object) -> None:
        slow = (name, step) == ("resnet50", "make_pass")
        engine.seconds["make_pass"] = 0.5 if slow else 0.01

    engine = PlayedEngine(before=before)
    winners = play(context, engine, minutes=1.6)
    assert [facts.backbone for facts in winners] == ["googlenet", "vgg16"]
    names = [name for name, _, _ in engine.done]
    last = len(names) - names[::-1].index("resnet50")
    assert [step for _, step, _ in engine.done[last:]].count("train") >= 1


@pytest.mark.parametrize("error", [CacheError("the disk is too small"), RunError("it is odd")])
@pytest.mark.parametrize("step", ["layout", "make_pass", "evaluate"])
def test_a_backbone_that_fails_does_not_stop_the_others(
    error: Exception, step: str, context: SearchContext
) -> None:
    engine = PlayedEngine(before=raising(error, "googlenet", step))
    winners = play(context, engine)
    assert [facts.backbone for facts in winners] == ["vgg16", "resnet50"]
    assert all(facts.hyperparameters.depth for facts in winners)
    assert str(error) in shown(context)


def test_a_backbone_whose_trials_all_fail_gives_up_and_says_so(context: SearchContext) -> None:
    error = RuntimeError("Graph execution error:\n\nDetected at node\n  in a layer")
    engine = PlayedEngine(before=raising(error, "vgg16", "fit_head"))
    winners = play(context, engine)
    assert [facts.backbone for facts in winners] == ["googlenet", "resnet50"]
    assert "Vgg16: trials of Vgg16 fail one after the other; see" in shown(context)
    records = context.run.study("vgg16").trials()
    assert {record.ended for record in records} == {"RuntimeError: Graph execution error:"}


def test_where_no_backbone_has_a_winner_the_first_failure_is_the_runs(
    context: SearchContext,
) -> None:
    def before(name: str, step: str, _: object) -> None:
        if step == "make_pass":
            raise CacheError(f"no room for {name}")

    with pytest.raises(CacheError, match="no room for googlenet"):
        play(context, PlayedEngine(before=before))


@pytest.mark.parametrize(
    "error",
    [
        DivergedError("the loss diverged"),
        tf.errors.ResourceExhaustedError(None, None, "the GPU's memory is full"),
        RuntimeError("odd"),
    ],
)
def test_a_training_that_fails_is_a_failed_trial(error: Exception, context: SearchContext) -> None:
    engine = PlayedEngine(before=raising(error, "googlenet", "train", slice(1, 2)))
    winners = play(context, engine)
    study = context.run.study("googlenet")
    [failed] = [trial for trial in study.trials() if trial.ended.startswith(type(error).__name__)]
    assert failed.hyperparameters.depth
    assert len(winners) == 3 and winners[0].trial == best_trial(study).trial


@pytest.mark.parametrize("step", ["make_pass", "fit_head", "train", "evaluate"])
@pytest.mark.parametrize(
    "error", [OSError(28, "disk full"), ClusterError("gave up"), KeyError("a bug")]
)
def test_a_full_disk_and_a_lost_cluster_stop_the_run_and_no_trial_pays(
    error: Exception, step: str, context: SearchContext
) -> None:
    engine = PlayedEngine(before=raising(error, "vgg16", step))
    with pytest.raises(type(error)):
        play(context, engine)
    assert engine.stopped
    trials = [trial for name in NAMES for trial in context.run.study(name).trials()]
    assert "failed" not in [trial.status for trial in trials]
    again = PlayedEngine(cached=engine.cached)
    assert len(play(context, again)) == 3


def test_a_training_whose_frozen_stages_take_little_is_from_pixels_without_a_pass(
    context: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replace(small_backbone(), tunings=(Tuning(2, 2, 1e-3),), frozen=0)
    monkeypatch.setitem(BACKBONES, "googlenet", whole)
    one = context.settings.model_copy(update={"backbones": ("googlenet",)})
    engine = PlayedEngine()
    [winner] = play(replace(context, settings=one), engine)
    assert winner.hyperparameters.depth == 2
    views = {(each.hyperparameters.cut, each.images.views) for each in engine.steps("train")}
    assert views == {(0, 0), (1, 2)}
    first = order(engine, "train")[0]
    before = [wanted for _, step, wanted in engine.done[:first] if step == "make_pass"]
    assert {wanted.cuts for wanted in before} == {(2,)}


def test_lines_of_several_backbones_say_whose_they_are(context: SearchContext) -> None:
    play(context, PlayedEngine())
    lines = shown(context).splitlines()
    trials = [line for line in lines if " trial 0" in line]
    assert trials and {line.split()[0] for line in trials} == {"Googlenet", "Vgg16", "Resnet50"}
