"""A study that leaves suspect labels out, of which a head that was not trained on them is sure."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from small_search import small_context

from data.labels import MISSING
from tuning.runs.schema import RunConfig, SearchImages
from tuning.search.context import SearchContext
from tuning.search.doubted_labels import keep, training_codes
from tuning.suspects.left_out import left_out_notices

SLIPS = [3, 20, 41]
TRAIN = 60
ALL = SearchImages(train=TRAIN, val=25, views=1)


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    context = small_context(tmp_path, TRAIN, Console(file=StringIO()))
    manifest = context.store.manifest
    manifest.loc[[*SLIPS, TRAIN + 4], "label"] ^= 1  # one of validation as well
    settings = context.settings.model_copy(update={"drop_suspects": True})
    context.run.study("googlenet").make()
    return replace(context, settings=settings)


def as_seen(context: SearchContext, images: int = TRAIN) -> np.ndarray:
    """Probabilities of a head that sees who is bright: every second one, whatever the label."""
    rows = context.images("train", images).rows
    return np.where((rows % 2)[:, None] == [0, 1], 0.9, 0.1)


def test_suspect_labels_of_training_images_alone_are_left_out(context: SearchContext) -> None:
    study = context.run.study("googlenet")
    keep(context, study, ALL, as_seen(context))
    codes = training_codes(context, study)
    assert codes is not None and len(codes) == TRAIN
    assert np.flatnonzero(codes[:, 0] == MISSING).tolist() == SLIPS
    shown = context.progress.console.file
    assert isinstance(shown, StringIO)
    assert "suspect training labels are left out: gender 3 of 60" in shown.getvalue()


def test_another_session_leaves_out_the_same_labels(context: SearchContext) -> None:
    study = context.run.study("googlenet")
    keep(context, study, ALL, as_seen(context))
    first = training_codes(context, study)
    keep(context, study, ALL, 1 - as_seen(context))
    assert np.array_equal(training_codes(context, study), first)


def test_predictions_of_more_images_replace_those_of_a_sample(context: SearchContext) -> None:
    study = context.run.study("googlenet")
    sample = SearchImages(train=30, val=25, views=1)
    keep(context, study, sample, as_seen(context, 30))
    assert len(pd.read_csv(study.out_of_fold)) == 30
    keep(context, study, ALL, as_seen(context))
    assert pd.read_csv(study.out_of_fold)["row"].tolist() == list(range(TRAIN))


def test_all_labels_are_trained_on_otherwise(context: SearchContext) -> None:
    study, settings = context.run.study("googlenet"), context.settings
    assert training_codes(context, study) is None  # nothing was asked yet
    context = replace(context, settings=settings.model_copy(update={"drop_suspects": False}))
    keep(context, study, ALL, as_seen(context))
    assert training_codes(context, study) is None


def test_the_run_says_what_was_left_out(context: SearchContext) -> None:
    keep(context, context.run.study("googlenet"), ALL, as_seen(context))
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
