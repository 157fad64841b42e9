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
from tuning.search.doubted_labels import cross_validate, training_codes
from tuning.search.engine import OwnHands
from tuning.search.steps import Steps
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


@pytest.fixture
def hands(context: SearchContext, model_of: Callable[[str], TransferModel]) -> OwnHands:
    model = model_of("googlenet")
    return OwnHands(Steps(context, model.backbone, model.weights, context.progress))


def test_suspect_labels_of_training_images_alone_are_left_out(
    context: SearchContext, hands: OwnHands
) -> None:
    codes = training_codes(context, context.run.study("googlenet"), hands)
    assert codes is not None and len(codes) == TRAIN
    assert np.flatnonzero(codes[:, 0] == MISSING).tolist() == SLIPS
    data = hands.submit(Steps.data, [0], codes).result()
    assert (data.train.codes == codes).all()
    assert (data.val.codes != MISSING).all()
    shown = context.progress.console.file
    assert isinstance(shown, StringIO)
    assert "suspect training labels are left out: gender 3 of 60" in shown.getvalue()


def test_another_session_leaves_out_the_same_labels(
    context: SearchContext, hands: OwnHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = context.run.study("googlenet")
    first = training_codes(context, study, hands)
    monkeypatch.setattr(Steps, "out_of_fold", None)
    assert np.array_equal(training_codes(context, study, hands), first)


def test_all_labels_are_trained_on_and_only_asked_about_otherwise(
    context: SearchContext, hands: OwnHands
) -> None:
    study, settings = context.run.study("googlenet"), context.settings
    context = replace(context, settings=settings.model_copy(update={"drop_suspects": False}))
    assert training_codes(context, study, hands) is None
    assert not study.out_of_fold.exists()
    cross_validate(context, study, hands)
    assert pd.read_csv(study.out_of_fold)["row"].tolist() == list(range(TRAIN))


def test_the_run_says_what_was_left_out(context: SearchContext, hands: OwnHands) -> None:
    from tuning.runs.schema import RunConfig

    training_codes(context, context.run.study("googlenet"), hands)
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
