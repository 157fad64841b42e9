import io
from pathlib import Path

import pytest
from rich.console import Console
from small_search import small_context

from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.search import planning
from tuning.search.backbone_search import search
from tuning.search.engine import OneProcess

GOOGLENET = BACKBONES["googlenet"]


def test_a_trial_that_would_eat_the_refit_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "slowdown", lambda *_: 1e6)
    console = Console(file=io.StringIO(), width=200)
    context = small_context(tmp_path, 32, console)
    start = weights.load(GOOGLENET, "none")
    facts = search(context, OneProcess(), GOOGLENET, start, 600.0, lambda: None)
    records = context.run.study("googlenet").trials()
    assert [record.hyperparameters.depth for record in records] == [0]
    assert facts.hyperparameters.depth == 0
    text = console.file.getvalue()
    assert "plan: 2 trials" in text
    assert "left out, so that time remains for the refit: 1 of 2 trials" in text
    assert "refit     depth 0" in text
    plan = context.run.study("googlenet").read_plan()
    assert plan is not None and plan.images == context.all_images(GOOGLENET.max_depth).model_copy(
        update={"views": (2, 2)}  # of the depths that are tried
    )
    assert (facts.searched, facts.trained) == (32, 32)
    assert "search on" not in text
