"""A study that leaves suspect labels out, on faces of which some are labeled otherwise."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from small_search import small_context

from data.labels import MISSING
from tuning.backbones.transfer_model import TransferModel
from tuning.search.context import SearchContext
from tuning.search.trial_runner import TrialRunner
from tuning.suspects import cross_validation
from tuning.suspects.left_out import left_out_notices

SLIPS = [3, 20, 41]
TRAIN = 60


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    context = small_context(tmp_path, TRAIN, Console(file=StringIO()))
    manifest = context.store.manifest
    manifest.loc[[*SLIPS, TRAIN + 4], "label"] ^= 1  # one of validation as well
    settings = context.settings.model_copy(update={"drop_suspects": True})
    context.run.study("googlenet").make()
    return replace(context, settings=settings)


def test_suspect_labels_of_training_images_alone_are_left_out(
    context: SearchContext, model_of: Callable[[str], TransferModel]
) -> None:
    runner = TrialRunner(context, model_of("googlenet"), [0])
    codes = runner.data.train.codes[:, 0]
    assert np.flatnonzero(codes == MISSING).tolist() == SLIPS
    assert len(runner.data.train) == TRAIN
    assert (runner.data.val.codes != MISSING).all()
    shown = context.progress.console.file
    assert isinstance(shown, StringIO)
    assert "suspect training labels are left out: gender 3 of 60" in shown.getvalue()


def test_another_process_leaves_out_the_same_labels(
    context: SearchContext,
    model_of: Callable[[str], TransferModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = model_of("googlenet")
    first = TrialRunner(context, model, [0]).data.train.codes
    monkeypatch.setattr(cross_validation, "out_of_fold", None)
    assert (TrialRunner(context, model, [0]).data.train.codes == first).all()


def test_all_labels_are_trained_on_and_only_asked_about_otherwise(
    context: SearchContext, model_of: Callable[[str], TransferModel]
) -> None:
    settings = context.settings.model_copy(update={"drop_suspects": False})
    runner = TrialRunner(replace(context, settings=settings), model_of("googlenet"), [0])
    assert (runner.data.train.codes != MISSING).all()
    assert not context.run.study("googlenet").out_of_fold.exists()
    runner.cross_validate()
    table = pd.read_csv(context.run.study("googlenet").out_of_fold)
    assert table["row"].tolist() == list(range(TRAIN))


def test_the_run_says_what_was_left_out(
    context: SearchContext, model_of: Callable[[str], TransferModel]
) -> None:
    from tuning.runs.schema import RunConfig

    TrialRunner(context, model_of("googlenet"), [0])
    config = RunConfig(
        settings=context.settings,
        data={"name": "faces", "synthetic": False, "fingerprint": "f"},
        images={"framing": "stretch", "splits": {}},
        weights="none",
        versions={},
    )
    (notice,) = left_out_notices(context.run, config, ["googlenet"])
    assert notice.startswith("GoogLeNet was trained without suspect labels (DROP_SUSPECTS)")
    assert "gender 3 of 60; validation and test images keep all" in notice
