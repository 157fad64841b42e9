"""What a search's steps work with: images, views, codes; they neither write nor remember a run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from small_search import chosen, small_context

from data.labels import MISSING
from tuning.backbones.registry import Tuning
from tuning.backbones.transfer_model import TransferModel
from tuning.runs.schema import SearchImages
from tuning.search.context import SearchContext
from tuning.search.steps import Head, Pass, Steps, Tail
from tuning.search.winner import HELD_OUT, HeldOut, held_out_rows, predict
from tuning.trunk.cache import TrunkCache
from tuning.trunk.photo_views import PHOTO_VIEWS

ALL = SearchImages(train=32, val=25, views=2)
PASSES = [Pass("train", 32, (1,), "plain"), Pass("train", 32, (1,), "mirrored"),
          Pass("val", 25, (1,), "plain")]  # fmt: skip
HEAD = Head("trial 0000", chosen(0, stages=1, grid=2), ALL)


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    """Three women for each man to learn from."""
    context = small_context(tmp_path, 32)
    manifest = context.store.manifest
    train = manifest["split"] == "train"
    label = manifest["label"].where(~train, (np.arange(len(manifest)) % 4 == 0).astype(int))
    return replace(context, store=replace(context.store, manifest=manifest.assign(label=label)))


@pytest.fixture
def steps(context: SearchContext, model_of: Callable[[str], TransferModel]) -> Steps:
    model = model_of("googlenet")
    steps = Steps(context, model.backbone, model.weights, context.progress)
    steps.__dict__["model"] = model
    return steps


def test_classes_count_the_same_in_training_and_each_image_is_seen_mirrored(
    steps: Steps,
) -> None:
    for wanted in PASSES:
        steps.make_pass(wanted)
    data = steps._data(HEAD, 1)
    assert (data.train.codes == 1).sum() == 8 and len(data.train) == 32
    plain, mirrored = (np.asarray(view[:]) for view in data.train.views)
    assert plain.shape == mirrored.shape and not np.array_equal(plain, mirrored)
    assert len(data.val.views) == 1 and len(data.val) == 25


def test_a_training_from_pixels_sees_another_photo_each_time(steps: Steps) -> None:
    data = steps._data(replace(HEAD, images=ALL.model_copy(update={"views": 0})), 1)
    assert data.train.are_pixels and data.val.are_pixels
    assert len(data.train.views) == 2 + PHOTO_VIEWS
    row = np.array([0])
    assert len({view[row].tobytes() for view in data.train.views}) == 2 + PHOTO_VIEWS


def test_a_training_from_pixels_is_scored_on_cached_activations(steps: Steps) -> None:
    steps.make_pass(Pass("val", 25, (1,), "plain"))
    data = steps._data(replace(HEAD, images=ALL.model_copy(update={"views": 0})), 1)
    assert data.train.are_pixels and not data.val.are_pixels


def test_what_has_passed_does_not_pass_again(steps: Steps) -> None:
    assert [steps.make_pass(wanted) for wanted in PASSES] == [32, 32, 25]
    assert [steps.make_pass(wanted) for wanted in PASSES] == [0, 0, 0]
    assert steps.make_pass(replace(PASSES[0], count=16)) in (0, 16)


def test_a_head_learns_from_the_images_that_are_asked_for_and_leaves_others_out(
    steps: Steps,
) -> None:
    for wanted in PASSES:
        steps.make_pass(wanted)
    trained = steps.fit_head(HEAD)
    assert trained.result.trained == 32 and trained.result.history[0].images == 64
    assert trained.out_of_fold is not None and trained.out_of_fold.shape == (32, 2)
    assert trained.checkpoint is None and trained.tail
    codes = steps._data(HEAD, 1).train.codes.copy()
    codes[:3] = MISSING
    without = steps.fit_head(replace(HEAD, codes=codes))
    assert without.result.score != trained.result.score
    one_view = steps.fit_head(replace(HEAD, images=ALL.model_copy(update={"views": 1})))
    assert one_view.result.history[0].images == 32


def test_the_layout_says_what_can_be_cut(steps: Steps) -> None:
    layout = steps.layout()
    assert layout.shapes[1] == (8, 8, 192) and layout.bytes_of(1) == 2 * 8 * 8 * 192
    assert layout.grids[1] == (1, 2, 4, 8)
    assert 0 == layout.gmacs[0] < layout.gmacs[1] < layout.gmacs[2] < layout.gmacs[4]
    assert layout.between(1, 1) == 0
    assert layout.of_step(3, 2) == pytest.approx(3 * layout.between(1, 3))
    assert layout.is_cheap_from_pixels(2, 2), "nothing is frozen"
    assert not layout.is_cheap_from_pixels(2, 1), "half of it is"
    assert layout.between(1, 2) == pytest.approx(layout.gmacs[2] - layout.gmacs[1])


@pytest.mark.parametrize(
    ("attach", "tuning", "cuts"),
    [
        (2, Tuning(2, 1, 1e-3), (1, 2)),
        (3, Tuning(2, 2, 1e-3), (3,)),
        (1, Tuning(3, 1, 1e-3), (1, 2)),
    ],
)
def test_the_first_pass_serves_the_first_head_and_the_first_tuning_on_activations(
    attach: int, tuning: Tuning, cuts: tuple[int, ...], steps: Steps
) -> None:
    backbone = replace(steps._backbone, attach=(attach,), tunings=(tuning,))
    assert steps.layout().first_cuts(backbone) == cuts


def test_a_search_in_half_precision_evaluates_its_winner_on_cached_activations(
    context: SearchContext, steps: Steps, tmp_path: Path
) -> None:
    """The images don't pass again in float32, in which the winner is saved."""
    half = context.settings.model_copy(update={"precision": "bfloat16"})
    steps = Steps(replace(context, settings=half), steps._backbone, steps._weights, steps._bars)
    for wanted in (*PASSES, Pass("test", 25, (1,), "plain")):
        steps.make_pass(wanted)
    assert not any(steps._held_out(split, 1).are_pixels for split in HELD_OUT)
    head = steps.fit_head(HEAD)
    assert head.tail
    evaluation = steps.evaluate(Tail(HEAD.hyperparameters, head.tail))
    (tmp_path / "winner.keras").write_bytes(evaluation.model)
    saved = keras.models.load_model(tmp_path / "winner.keras")
    rows, labels = held_out_rows(context.store.manifest), context.labels
    said = predict(saved, labels, context.store.images, rows.index.to_numpy())
    calibrated = HeldOut.calibrated(labels, rows, evaluation.uncalibrated_p)
    assert saved.dtype_policy.name == "float32"
    assert 0 < np.abs(said - calibrated.p).max() < 0.05


def test_a_cache_without_room_is_an_error_of_its_own(context: SearchContext, steps: Steps) -> None:
    full = replace(context, cache=TrunkCache(context.cache.folder, 100))
    small = Steps(full, steps._backbone, steps._weights, context.progress)
    small.__dict__["model"] = steps.model
    with pytest.raises(RuntimeError, match="CACHE_GB"):
        small.make_pass(PASSES[0])


def test_a_small_head_does_not_make_a_large_one_look_endless(steps: Steps) -> None:
    """A pooled head takes the time of what all heads do; it says little about a large one's."""
    layout = steps.layout()
    pooled = layout.of_head(chosen(0, stages=2, grid=1), 1000, 1000)
    small = layout.of_head(chosen(0, stages=1, grid=8), 1000, 1000)
    large = layout.of_head(chosen(0, stages=1, grid=8), 4000, 1000)
    assert pooled < small < 4 * pooled and 5 * small < large < 20 * small
