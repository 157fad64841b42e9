"""Searches side by side: their time, their failures, how they are shown, how they are stopped."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from small_search import small_context

from tuning import searches
from tuning.runs.run_folder import RunError
from tuning.runs.time_budget import TimeBudget
from tuning.search.context import SearchContext

Search = Callable[..., Any]


class Engine:
    """Slots that do nothing."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.stopped = threading.Event()

    def hands(self, *_: Any) -> Any:
        raise AssertionError

    def stop(self) -> None:
        self.stopped.set()


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    made = small_context(tmp_path, 4, Console(file=io.StringIO(), width=200))
    names = ("googlenet", "vgg16", "resnet50")
    settings = made.settings.model_copy(update={"backbones": names})
    object.__setattr__(made, "settings", settings)
    made.run.path.mkdir(parents=True)
    return made


def run(
    context: SearchContext, engine: Engine, search: Search, monkeypatch: pytest.MonkeyPatch,
    minutes: float | None = None,
) -> list[Any]:  # fmt: skip
    monkeypatch.setattr(searches, "search", search)
    monkeypatch.setattr(type(context.progress), "winner", lambda *_: None)
    weights = {name: SimpleNamespace(count=10**7) for name in context.settings.backbones}
    return searches.search_all(context, engine, weights, TimeBudget(context.run, minutes))  # type: ignore[arg-type]


def test_backbones_are_dealt_so_that_lanes_end_together() -> None:
    sizes = {"a": 5.0, "b": 4.0, "c": 3.0, "d": 2.0, "e": 1.0}
    lanes = searches.in_lanes(sizes, 2)
    assert sorted(sum(sizes[name] for name in lane) for lane in lanes) == [7.0, 8.0]
    assert searches.in_lanes(sizes, 9) == [["a"], ["b"], ["c"], ["d"], ["e"]]


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_shares_of_the_time_are_those_of_the_lane(
    slots: int, context: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: dict[str, float] = {}

    def search(
        context: Any, engine: Any, backbone: Any, weights: Any, seconds: float, _: Any
    ) -> str:
        shares[backbone.name] = seconds
        return backbone.name

    run(context, Engine(slots), search, monkeypatch, minutes=10)
    assert len(shares) == 3
    if slots == 3:
        assert all(590 < seconds <= 600 for seconds in shares.values())
    else:  # nobody uses its time here, so the last of a lane gets all that is left
        assert sum(seconds > 590 for seconds in shares.values()) == slots


@pytest.mark.parametrize("slots", [1, 3])
def test_a_backbone_that_fails_does_not_stop_the_others(
    slots: int, context: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def search(context: Any, engine: Any, backbone: Any, *_: Any) -> str:
        if backbone.name == "googlenet":
            raise RunError("no trial of GoogLeNet succeeded")
        time.sleep(0.05)
        done.append(backbone.name)
        return backbone.name

    with pytest.raises(RunError, match="no trial of GoogLeNet"):
        run(context, Engine(slots), search, monkeypatch)
    assert sorted(done) == ["resnet50", "vgg16"]
    assert "GoogLeNet: no trial of GoogLeNet succeeded" in context.progress.console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError("oracle")])
def test_anything_else_stops_all_searches(
    error: BaseException, context: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(3)

    def search(context: Any, engine: Any, backbone: Any, *_: Any) -> str:
        if backbone.name == "googlenet":
            raise error
        assert engine.stopped.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(type(error)):
        run(context, engine, search, monkeypatch)
    assert engine.stopped.is_set()


def test_lines_of_searches_side_by_side_say_whose_they_are(
    context: SearchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(context: SearchContext, engine: Any, backbone: Any, *_: Any) -> str:
        context.progress.planned([0, 0, 1], [1.0, 1.0, 1.0, 1.0, 1.0])
        context.progress.steps("validation and test images")(5, 5)
        return backbone.name

    run(context, Engine(3), search, monkeypatch)
    lines = context.progress.console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 9
    for title in ("GoogLeNet", "VGG16", "ResNet50"):
        own = [line for line in lines if line.startswith(title)]
        assert own[1:] == [
            f"{title:<9}  plan: 3 trials (2 at depth 0, 1 at depth 1), then a refit",
            f"{title:<9}  validation and test images: 5 in 0 s",
        ]
