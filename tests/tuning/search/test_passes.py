"""Which passes are wanted, shared and saved by those that were made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_search import small_context

from data import ImageStore
from tuning.search.context import SearchContext
from tuning.search.passes import Passes
from tuning.search.steps import Layout, Pass

LAYOUT = Layout(shapes={}, grids={}, gmacs={0: 0.0, 1: 1.0, 2: 3.0, 3: 7.0})
TRAIN = Pass("train", 3500, (1, 3), "plain")


@pytest.fixture
def context(tmp_path: Path) -> SearchContext:
    """3,500 tiny images, which are three shards."""
    splits = ["train"] * 3500 + ["val"] * 100
    manifest = pd.DataFrame({"label": np.arange(3600) % 2, "identity": None, "split": splits})
    images = np.zeros((3600, 2, 2, 3), np.uint8)
    store = ImageStore(images, manifest, (), "tiny", 2, "stretch")
    return replace(small_context(tmp_path, 4), store=store)


def made(passes: Passes, wanted: Pass) -> None:
    passes.begin(wanted)
    passes.end(wanted)


def test_a_pass_is_begun_once_and_missed_until_it_is_made(context: SearchContext) -> None:
    passes = Passes(context, divided=False)
    assert passes.next([TRAIN]) == TRAIN and not passes.are_made([TRAIN])
    passes.begin(TRAIN)
    assert passes.running == 1
    assert passes.next([TRAIN]) is None and not passes.are_made([TRAIN])
    passes.end(TRAIN)
    assert passes.running == 0
    assert passes.next([TRAIN]) is None and passes.are_made([TRAIN])


def test_a_pass_to_more_cuts_gives_those_of_fewer(context: SearchContext) -> None:
    passes = Passes(context, divided=False)
    made(passes, TRAIN)
    assert passes.are_made([replace(TRAIN, cuts=(3,))])
    for other in (replace(TRAIN, cuts=(2, 3)), replace(TRAIN, view="mirrored"),
                  replace(TRAIN, split="val"), replace(TRAIN, count=3400)):  # fmt: skip
        assert not passes.are_made([other]) and passes.next([TRAIN, other]) == other


def test_shards_are_passes_of_their_own_where_several_share_them(context: SearchContext) -> None:
    passes = Passes(context, divided=True)
    for shard in range(3):
        part = passes.next([TRAIN])
        assert part == replace(TRAIN, shard=shard)
        passes.begin(part)
    assert passes.next([TRAIN]) is None
    for shard in (2, 0):
        passes.end(replace(TRAIN, shard=shard))
    assert not passes.are_made([TRAIN])
    passes.end(replace(TRAIN, shard=1))
    assert passes.are_made([TRAIN, replace(TRAIN, cuts=(1,))])


def test_only_what_is_missing_costs(context: SearchContext) -> None:
    passes = Passes(context, divided=True)
    assert passes.gmacs([TRAIN], LAYOUT) == passes.gmacs([TRAIN, TRAIN], LAYOUT) == 7 * 3500
    made(passes, replace(TRAIN, shard=0))
    assert passes.gmacs([TRAIN], LAYOUT) == 7 * (3500 - 1166)
    assert passes.images_of(replace(TRAIN, shard=2)) == 1167


def test_a_deeper_cut_goes_on_from_a_shallower_one_of_as_many_images(
    context: SearchContext,
) -> None:
    passes, deep = Passes(context, divided=False), replace(TRAIN, cuts=(3,))
    made(passes, replace(TRAIN, cuts=(1,), count=1000))
    assert passes.gmacs([deep], LAYOUT) == 7 * 3500
    made(passes, replace(TRAIN, cuts=(2,)))
    assert passes.gmacs([deep], LAYOUT) == 4 * 3500
    assert passes.gmacs([replace(deep, view="mirrored")], LAYOUT) == 7 * 3500


def test_images_of_a_smaller_sample_do_not_pass_again(context: SearchContext) -> None:
    passes = Passes(context, divided=False)
    made(passes, replace(TRAIN, count=1000))
    made(passes, replace(TRAIN, count=2000, cuts=(1,)))
    assert passes.images_of(TRAIN) == 2500
    assert passes.images_of(replace(TRAIN, cuts=(1,))) == 1500
    assert passes.images_of(replace(TRAIN, count=500)) == 500  # of another order: not among them
