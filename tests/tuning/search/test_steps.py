"""What the trials of a search are trained on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_search import small_context

from tuning.backbones.transfer_model import TransferModel
from tuning.search.steps import Steps
from tuning.training.batches import TrainingData


@pytest.fixture
def data(tmp_path: Path, model_of: Callable[[str], TransferModel]) -> TrainingData:
    """Three women for each man to learn from, at the head's depth."""
    context = small_context(tmp_path, 32)
    manifest = context.store.manifest
    train = manifest["split"] == "train"
    label = manifest["label"].where(~train, (np.arange(len(manifest)) % 4 == 0).astype(int))
    store = replace(context.store, manifest=manifest.assign(label=label))
    model = model_of("googlenet")
    context = replace(context, store=store)
    return Steps(context, model.backbone, model.weights, context.progress).data([0])


def test_both_classes_count_the_same_in_training(data: TrainingData) -> None:
    train = data.train
    assert (train.codes == 1).sum() == 8 and len(train) == 32
    assert data.loss.weights == (pytest.approx((2 / 3, 2.0)),)


def test_training_sees_images_and_their_mirror_images_and_validation_the_images(
    data: TrainingData,
) -> None:
    plain, mirrored = data.train.views[0]
    assert plain.shape == mirrored.shape == (32, plain.shape[1])
    assert not np.array_equal(plain, mirrored)
    (only,) = data.val.views[0]
    assert only.shape == (25, plain.shape[1])
    assert data.statistics.mean == pytest.approx(
        np.asarray(plain, np.float32).mean(axis=0), rel=1e-2, abs=1e-3
    )
