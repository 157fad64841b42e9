"""A study begins with few images where time is short, and takes more as time and disk allow."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from small_search import small_context

from data import ImageStore
from tuning.runs.schema import SearchImages
from tuning.search.context import SearchContext
from tuning.search.study_images import StudyImages
from tuning.trunk.cache import TrunkCache

IMAGE_BYTES = 100


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    """5,000 training images, 200 to validate and to test on each."""
    splits = ["train"] * 5000 + ["val"] * 200 + ["test"] * 200
    count = len(splits)
    manifest = pd.DataFrame({"label": np.arange(count) % 2, "identity": None, "split": splits})
    store = ImageStore(np.zeros((count, 1, 1, 3), np.uint8), manifest, (), "tiny", 1, "stretch")
    return replace(small_context(tmp_path, 4, Console(file=io.StringIO())), store=store)


def of(context: SearchContext, of_row: float = 0.0) -> StudyImages:
    """A study whose passes take a second for a hundred images, and heads `of_row` an image."""
    folder = context.run.study("googlenet")
    folder.make()
    return StudyImages(
        context, folder, IMAGE_BYTES, lambda images: images / 100, lambda rows: of_row * rows
    )


@pytest.mark.parametrize(
    ("seconds", "train"), [(math.inf, 1000), (24, 1000), (23, 500), (13, 250), (0.1, 250)]
)
def test_the_first_sample_is_as_large_as_leaves_most_of_the_time(
    seconds: float, train: int, context: SearchContext
) -> None:
    images = of(context)
    images.begin(seconds)
    assert images.now == SearchImages(train=train, val=200, views=1)
    said = context.progress.console.file.getvalue()  # type: ignore[attr-defined]
    assert (f"begins with {train} of 5,000 training images: the time is short" in said) is (
        train < 1000
    )


def test_the_first_sample_has_room_in_the_cache(context: SearchContext, tmp_path: Path) -> None:
    room = IMAGE_BYTES * (2 * 600 + 400)
    context = replace(context, cache=TrunkCache(tmp_path / "small", room))
    images = of(context)
    images.begin(math.inf)
    assert images.now.train == 500
    said = context.progress.console.file.getvalue()  # type: ignore[attr-defined]
    assert "500 of 5,000 training images: CACHE_GB leaves no room for more" in said


def test_few_images_are_all_taken_at_once(tmp_path: Path) -> None:
    images = of(small_context(tmp_path, 60))
    images.begin(math.inf)
    assert images.now == SearchImages(train=60, val=25, views=1) and images.are_all
    assert not images.grow(math.inf)


def test_it_grows_at_once_or_by_doubling_as_time_allows(context: SearchContext) -> None:
    images = of(context)
    images.begin(math.inf)
    assert not images.grow(19) and images.now.train == 1000
    assert images.grow(20) and images.now.train == 2000
    assert not images.are_all
    assert images.grow(60) and images.now.train == 5000 and images.are_all
    assert not images.grow(math.inf)


def test_growth_waits_for_all_views(context: SearchContext) -> None:
    images = of(context)
    images.begin(math.inf)
    assert not images.add_mirrored(19) and images.now.views == 1
    assert images.add_mirrored(20) and images.now.views == 2
    assert not images.add_mirrored(math.inf)
    assert not images.grow(39) and images.grow(40) and images.now.train == 2000


def test_heads_on_more_rows_take_their_time_too(context: SearchContext) -> None:
    images = of(context, of_row=1 / 200)
    images.begin(math.inf)
    assert not images.grow(39) and images.grow(40) and images.now.train == 2000
    assert not images.add_mirrored(79) and images.add_mirrored(80)


@pytest.mark.parametrize(("gb_share", "train"), [(10_400, 5000), (10_399, 2000), (4399, 1000)])
def test_it_grows_no_larger_than_its_share_of_the_cache(
    gb_share: int, train: int, context: SearchContext
) -> None:
    settings = context.settings.model_copy(update={"backbones": ("googlenet", "vgg16")})
    cache = TrunkCache(context.cache.folder, 2 * gb_share * IMAGE_BYTES)
    images = of(replace(context, cache=cache, settings=settings))
    images.begin(math.inf)
    images.grow(math.inf)
    assert images.now.train == train


def test_another_session_goes_on_with_the_same_images(context: SearchContext) -> None:
    images = of(context)
    images.begin(math.inf)
    images.grow(30)
    images.add_mirrored(math.inf)
    again = of(context)
    again.begin(0.1)
    assert again.now == images.now == SearchImages(train=2000, val=200, views=2)
