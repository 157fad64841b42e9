from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_run import LACKING, SPLITS, WRONG_LABELS

from data.labels import MISSING
from export.source import Source, SplitName
from tuning.runs.run_folder import RunError, RunFolder


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_a_split_has_its_images_and_labels(
    small_run: RunFolder, image_cache: Path, name: SplitName
) -> None:
    split = Source.open(small_run, image_cache).split(name)
    assert len(split.rows) == SPLITS[name] and split.codes.shape == (SPLITS[name], 1)
    means = split.images[split.rows].mean(axis=(1, 2))
    is_red = means[:, 0] > means[:, 2]
    assert (is_red != split.codes[:, 0]).sum() == WRONG_LABELS[name]


def test_the_record_is_read_by_split(small_run: RunFolder, image_cache: Path) -> None:
    source = Source.open(small_run, image_cache)
    recorded = source.recorded("vgg16")
    for name in ("val", "test"):
        split = source.split(name)
        assert np.array_equal(recorded[name].rows, split.rows)
        assert np.array_equal(recorded[name].codes, split.codes)
        wrong = recorded[name].p.argmax(axis=1) != split.codes[:, 0]
        assert wrong.sum() == WRONG_LABELS[name]


def test_a_record_of_several_labels_has_the_columns_of_each(
    run_of: Callable[[str], RunFolder], image_cache: Path
) -> None:
    source = Source.open(run_of("three"), image_cache)
    assert [label.name for label in source.labels] == ["gender", "Bright", "green|amount"]
    recorded, split = source.recorded("vgg16")["test"], source.split("test")
    assert recorded.p.shape == (120, 2 + 2 + 5)
    assert np.array_equal(recorded.codes, split.codes) and split.codes.shape == (120, 3)
    assert (split.codes[:, 2] == MISSING).sum() == LACKING
    known = split.codes[:, 2] != MISSING
    assert (recorded.p[known, 4:].argmax(axis=1) == split.codes[known, 2]).all()


def test_a_record_of_other_labels_is_refused(run_copy: RunFolder, image_cache: Path) -> None:
    path = run_copy.predictions("vgg16")
    path.write_text(path.read_text().replace("p_man", "p_yes"))
    with pytest.raises(RunError, match=r"vgg16\.csv can't be read: .*make tune"):
        Source.open(run_copy, image_cache).recorded("vgg16")


@pytest.mark.parametrize("content", [None, "", "row,split\n1,val\n"])
def test_a_run_without_predictions_is_refused(
    run_copy: RunFolder, image_cache: Path, content: str | None
) -> None:
    path = run_copy.predictions("vgg16")
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(RunError, match=r"vgg16\.csv can't be read: .*make tune"):
        Source.open(run_copy, image_cache).recorded("vgg16")


def test_a_missing_winner_is_named(run_copy: RunFolder, image_cache: Path) -> None:
    run_copy.winner("vgg16").unlink()
    with pytest.raises(RunError, match=r"vgg16\.keras is missing: .*make tune"):
        Source.open(run_copy, image_cache).winner("vgg16")
