import os
import threading
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.cache import CacheError, TrunkCache
from tuning.trunk.image_set import DIGEST_BYTES, ImageSet

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)
GIGABYTE = 10**9


class Passes:
    """Counts the images that went through the trunk."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, done: int, total: int) -> None:
        self.images = done


@pytest.fixture
def model(model_of: Callable[[str], TransferModel]) -> TransferModel:
    return model_of("googlenet")


@pytest.fixture
def images() -> ImageSet:
    return ImageSet.of(IMAGES, np.arange(9), "store")


@pytest.fixture
def cache(tmp_path: Path) -> TrunkCache:
    return TrunkCache(tmp_path, GIGABYTE)


def test_holds_the_trunks_activations(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    found = cache.activations(model, images, [0, 1], ["plain", "mirrored"])
    for view, pixels in (("plain", IMAGES), ("mirrored", IMAGES[:, :, ::-1])):
        expected = keras.tree.flatten(model.trunk([0, 1]).predict(pixels, verbose=0))
        for depth in (0, 1):
            scale = np.abs(expected[depth]).max()
            np.testing.assert_allclose(
                found[depth, view], expected[depth], rtol=2e-3, atol=1e-3 * scale
            )


def test_computes_only_what_is_missing(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    first, second, third = Passes(), Passes(), Passes()
    cache.activations(model, images, [0], ["plain"], first)
    cache.activations(model, images, [0, 1], ["plain"], second)
    found = cache.activations(model, images, [0, 1], ["plain"], third)
    assert (first.images, second.images, third.images) == (9, 9, 0)
    assert found[1, "plain"].shape[0] == 9


def test_other_weights_or_images_pass_again(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    cache.activations(model, images, [0], ["plain"])
    backbone = BACKBONES["googlenet"]
    other_weights = TransferModel(backbone, 64, weights.load(backbone, "none", seed=5))
    for other_model, other_images in (
        (other_weights, images),
        (model, ImageSet.of(255 - IMAGES, np.arange(9), "another store")),
    ):
        passes = Passes()
        cache.activations(other_model, other_images, [0], ["plain"], passes)
        assert passes.images == len(other_images)


@pytest.mark.parametrize("damage", ["flip", "cut", "no facts", "no data"])
def test_a_damaged_entry_is_computed_again(
    damage: str, cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    before = np.array(cache.activations(model, images, [0], ["plain"])[0, "plain"])
    data, facts = next(cache.folder.glob("*.npy")), next(cache.folder.glob("*.json"))
    content = bytearray(data.read_bytes())
    if damage == "flip":
        content[-5] ^= 0xFF
        data.write_bytes(content)
    elif damage == "cut":
        data.write_bytes(content[:-7])
    else:
        (facts if damage == "no facts" else data).unlink()
    passes = Passes()
    after = cache.activations(model, images, [0], ["plain"], passes)[0, "plain"]
    assert passes.images == 9
    np.testing.assert_array_equal(after, before)


def test_the_oldest_entries_make_room(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    cache.activations(model, images, [0], ["plain"])
    old = next(cache.folder.glob("*.npy"))
    cache.budget = int(1.5 * old.stat().st_size)
    cache.activations(model, ImageSet.of(IMAGES, np.arange(9), "newer"), [0], ["plain"])
    assert not old.exists()
    assert len(list(cache.folder.glob("*.npy"))) == 1


def test_too_small_a_budget_is_an_error_that_names_it(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    cache.budget = 1000
    with pytest.raises(CacheError, match="CACHE_GB"):
        cache.activations(model, images, [1], ["plain"])
    assert not list(cache.folder.glob("*.npy"))


def test_a_pass_that_runs_elsewhere_is_waited_for_and_not_made_again(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    """Two caches on one folder, as two machines have them."""
    made: list[int] = []

    def need(depths: list[int]) -> None:
        passes = Passes()
        TrunkCache(cache.folder, GIGABYTE).activations(model, images, depths, ["plain"], passes)
        made.append(passes.images)

    threads = [threading.Thread(target=need, args=([0, 1],)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 9]
    assert not list(cache.folder.glob(".tmp-*"))


def test_what_others_write_is_neither_counted_nor_deleted_unless_it_is_old(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    new, old = (cache.folder / f".tmp-{number}-vgg16-0.npy" for number in range(2))
    for path in (new, old):
        path.write_bytes(bytes(1_000_000))
    os.utime(old, (1, 1))
    cache.budget = 900_000
    cache.activations(model, images, [0], ["plain"])
    assert new.exists() and not old.exists()


def test_an_interrupted_pass_leaves_nothing(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.activations(model, images, [0, 1], ["plain"], interrupt)
    assert [path.suffix for path in cache.folder.iterdir()] == [".lock"]


def test_images_of_another_set_do_not_pass_again(cache: TrunkCache, model: TransferModel) -> None:
    """Another label splits the same images otherwise; only those that are new pass."""
    cache.activations(model, ImageSet.of(IMAGES, np.arange(6), "store"), [0, 1], ["plain"])
    mixed = ImageSet.of(IMAGES, np.array([7, 5, 2, 8]), "another store")
    passes = Passes()
    found = cache.activations(model, mixed, [0, 1], ["plain"], passes)
    assert passes.images == 2
    fresh = TrunkCache(cache.folder / "fresh", GIGABYTE)
    expected = fresh.activations(model, mixed, [0, 1], ["plain"])
    for depth in (0, 1):
        np.testing.assert_allclose(
            found[depth, "plain"], expected[depth, "plain"], rtol=5e-3, atol=5e-3
        )


def test_a_subset_needs_no_pass_at_all(cache: TrunkCache, model: TransferModel) -> None:
    both = ["plain", "mirrored"]
    whole = cache.activations(model, ImageSet.of(IMAGES, np.arange(9), "store"), [0, 1], both)
    passes = Passes()
    rows = np.array([8, 3, 0])
    part = cache.activations(model, ImageSet.of(IMAGES, rows, "fewer"), [0, 1], both, passes)
    assert passes.images == 0
    for at, activations in part.items():
        np.testing.assert_array_equal(activations, whole[at][rows])


def test_damaged_neighbors_are_not_copied_from(cache: TrunkCache, model: TransferModel) -> None:
    cache.activations(model, ImageSet.of(IMAGES, np.arange(6), "store"), [0], ["plain"])
    [entry] = cache.folder.glob("*.npy")
    content = bytearray(entry.read_bytes())
    content[-1] ^= 0xFF
    entry.write_bytes(content)
    passes = Passes()
    cache.activations(model, ImageSet.of(IMAGES, np.arange(3), "x"), [0], ["plain"], passes)
    assert passes.images == 3


def test_digests_of_another_length_are_not_believed(
    cache: TrunkCache, model: TransferModel
) -> None:
    cache.activations(model, ImageSet.of(IMAGES, np.arange(6), "store"), [0], ["plain"])
    [digests] = cache.folder.glob("*.images")
    digests.write_bytes(digests.read_bytes()[DIGEST_BYTES:])
    passes = Passes()
    cache.activations(model, ImageSet.of(IMAGES, np.arange(3), "x"), [0], ["plain"], passes)
    assert passes.images == 3


def test_passes_are_counted_before_they_are_made(cache: TrunkCache, model: TransferModel) -> None:
    both = ["plain", "mirrored"]
    images, fewer = (ImageSet.of(IMAGES, np.arange(n), f"{n}") for n in (9, 6))
    assert cache.count_missing(model, images, [0, 1], both) == 18
    cache.activations(model, fewer, [0], both)
    assert cache.count_missing(model, images, [0], both) == 6
    assert cache.count_missing(model, images, [0, 1], both) == 18
    cache.activations(model, images, [0], ["plain"])
    assert cache.count_missing(model, images, [0], both) == 3


def test_an_entry_that_makes_room_is_copied_from_first(
    tmp_path: Path, model: TransferModel
) -> None:
    """Of nine images six are there; with room for one entry alone the other three pass."""
    large = TrunkCache(tmp_path, GIGABYTE)
    large.activations(model, ImageSet.of(IMAGES, np.arange(6), "some"), [0], ["plain"])
    [before] = tmp_path.glob("*.npy")
    small = TrunkCache(tmp_path, 2 * before.stat().st_size)
    passes = Passes()
    small.activations(model, ImageSet.of(IMAGES, np.arange(9), "all"), [0], ["plain"], passes)
    assert passes.images == 3
    assert not before.exists()
