from pathlib import Path

import numpy as np
import pytest
from small_run import SPLITS, WRONG_LABELS

from export.source import Source, SplitName
from tuning.runs.run_folder import RunError, RunFolder


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_a_split_has_its_images_and_labels(
    small_run: RunFolder, image_cache: Path, name: SplitName
) -> None:
    split = Source.open(small_run, image_cache).split(name)
    assert len(split.rows) == len(split.labels) == SPLITS[name]
    means = split.images[split.rows].mean(axis=(1, 2))
    is_red = means[:, 0] > means[:, 2]
    assert (is_red != split.labels).sum() == WRONG_LABELS[name]


def test_the_record_is_read_by_split(small_run: RunFolder, image_cache: Path) -> None:
    source = Source.open(small_run, image_cache)
    recorded = source.recorded("vgg16")
    for name in ("val", "test"):
        split = source.split(name)
        assert np.array_equal(recorded[name].rows, split.rows)
        assert np.array_equal(recorded[name].labels, split.labels)
        wrong = (recorded[name].p_man >= 0.5) != (split.labels == 1)
        assert wrong.sum() == WRONG_LABELS[name]


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
