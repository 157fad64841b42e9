import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from layer_by_layer import outputs_of

from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk import forward_pass
from tuning.trunk.cache import CacheError, TrunkCache
from tuning.trunk.entry_files import EntryFiles
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
    found = cache.activations(model, images, [3, 4], ["plain", "mirrored"])
    for view, pixels in (("plain", IMAGES), ("mirrored", IMAGES[:, :, ::-1])):
        expected = outputs_of(model.trunk([3, 4]), pixels)
        for cut in (3, 4):
            scale = np.abs(expected[cut - 3]).max()
            np.testing.assert_allclose(
                found[cut, view], expected[cut - 3], rtol=2e-3, atol=1e-3 * scale
            )


def test_computes_only_what_is_missing(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    first, second, third = Passes(), Passes(), Passes()
    cache.activations(model, images, [4], ["plain"], first)
    cache.activations(model, images, [3, 4], ["plain"], second)
    found = cache.activations(model, images, [3, 4], ["plain"], third)
    assert (first.images, second.images, third.images) == (9, 9, 0)
    assert found[3, "plain"].shape == (9, 2, 2, 832)


def test_other_weights_or_images_pass_again(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    cache.activations(model, images, [4], ["plain"])
    backbone = BACKBONES["googlenet"]
    other_weights = TransferModel(backbone, 64, weights.load(backbone, "none", seed=5))
    for other_model, other_images in (
        (other_weights, images),
        (model, ImageSet.of(255 - IMAGES, np.arange(9), "another store")),
    ):
        passes = Passes()
        cache.activations(other_model, other_images, [4], ["plain"], passes)
        assert passes.images == len(other_images)


@pytest.mark.parametrize("damage", ["flip", "cut", "no facts", "no data"])
def test_a_damaged_entry_is_computed_again(
    damage: str, cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    before = np.array(cache.activations(model, images, [4], ["plain"])[4, "plain"])
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
    after = cache.activations(model, images, [4], ["plain"], passes)[4, "plain"]
    assert passes.images == 9
    np.testing.assert_array_equal(after, before)


def test_the_oldest_entries_make_room(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    cache.activations(model, images, [4], ["plain"])
    old = next(cache.folder.glob("*.npy"))
    cache.budget = int(1.5 * old.stat().st_size)
    cache.activations(model, ImageSet.of(IMAGES, np.arange(9), "newer"), [4], ["plain"])
    assert not old.exists()
    assert len(list(cache.folder.glob("*.npy"))) == 1


def test_too_small_a_budget_is_an_error_that_names_it(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    cache.budget = 1000
    with pytest.raises(CacheError, match="CACHE_GB"):
        cache.activations(model, images, [3], ["plain"])
    assert not list(cache.folder.glob("*.npy"))


def test_a_pass_that_runs_elsewhere_is_waited_for_and_not_made_again(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    """Two caches on one folder, as two machines have them."""
    made: list[int] = []

    def need(cuts: list[int]) -> None:
        passes = Passes()
        TrunkCache(cache.folder, GIGABYTE).activations(model, images, cuts, ["plain"], passes)
        made.append(passes.images)

    threads = [threading.Thread(target=need, args=([3, 4],)) for _ in range(2)]
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
    cache.activations(model, images, [4], ["plain"])
    assert new.exists() and not old.exists()


def test_an_interrupted_pass_leaves_nothing(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.activations(model, images, [3, 4], ["plain"], interrupt)
    assert [path.suffix for path in cache.folder.iterdir()] == [".lock"]


def test_images_of_another_set_do_not_pass_again(cache: TrunkCache, model: TransferModel) -> None:
    """Another label splits the same images otherwise; only those that are new pass."""
    cache.activations(model, ImageSet.of(IMAGES, np.arange(6), "store"), [3, 4], ["plain"])
    mixed = ImageSet.of(IMAGES, np.array([7, 5, 2, 8]), "another store")
    passes = Passes()
    found = cache.activations(model, mixed, [3, 4], ["plain"], passes)
    assert passes.images == 2
    fresh = TrunkCache(cache.folder / "fresh", GIGABYTE)
    expected = fresh.activations(model, mixed, [3, 4], ["plain"])
    for cut in (3, 4):
        np.testing.assert_allclose(
            found[cut, "plain"], expected[cut, "plain"], rtol=5e-3, atol=5e-3
        )


def test_a_subset_needs_no_pass_at_all(cache: TrunkCache, model: TransferModel) -> None:
    both = ["plain", "mirrored"]
    whole = cache.activations(model, ImageSet.of(IMAGES, np.arange(9), "store"), [3, 4], both)
    passes = Passes()
    rows = np.array([8, 3, 0])
    part = cache.activations(model, ImageSet.of(IMAGES, rows, "fewer"), [3, 4], both, passes)
    assert passes.images == 0
    for at, activations in part.items():
        np.testing.assert_array_equal(activations, whole[at][rows])


def test_damaged_neighbors_are_not_copied_from(cache: TrunkCache, model: TransferModel) -> None:
    cache.activations(model, ImageSet.of(IMAGES, np.arange(6), "store"), [4], ["plain"])
    [entry] = cache.folder.glob("*.npy")
    content = bytearray(entry.read_bytes())
    content[-1] ^= 0xFF
    entry.write_bytes(content)
    passes = Passes()
    cache.activations(model, ImageSet.of(IMAGES, np.arange(3), "x"), [4], ["plain"], passes)
    assert passes.images == 3


def test_digests_of_another_length_are_not_believed(
    cache: TrunkCache, model: TransferModel
) -> None:
    cache.activations(model, ImageSet.of(IMAGES, np.arange(6), "store"), [4], ["plain"])
    [digests] = cache.folder.glob("*.images")
    digests.write_bytes(digests.read_bytes()[DIGEST_BYTES:])
    passes = Passes()
    cache.activations(model, ImageSet.of(IMAGES, np.arange(3), "x"), [4], ["plain"], passes)
    assert passes.images == 3


def test_passes_are_counted_before_they_are_made(cache: TrunkCache, model: TransferModel) -> None:
    both = ["plain", "mirrored"]
    images, fewer = (ImageSet.of(IMAGES, np.arange(n), f"{n}") for n in (9, 6))
    assert cache.count_missing(model, images, [3, 4], both) == 18
    cache.activations(model, fewer, [4], both)
    assert cache.count_missing(model, images, [4], both) == 6
    assert cache.count_missing(model, images, [3, 4], both) == 18
    cache.activations(model, images, [4], ["plain"])
    assert cache.count_missing(model, images, [4], both) == 3


def test_an_entry_that_makes_room_is_copied_from_first(
    tmp_path: Path, model: TransferModel
) -> None:
    """Of nine images six are there; with room for one entry alone the other three pass."""
    large = TrunkCache(tmp_path, GIGABYTE)
    large.activations(model, ImageSet.of(IMAGES, np.arange(6), "some"), [4], ["plain"])
    [before] = tmp_path.glob("*.npy")
    small = TrunkCache(tmp_path, 2 * before.stat().st_size)
    passes = Passes()
    small.activations(model, ImageSet.of(IMAGES, np.arange(9), "all"), [4], ["plain"], passes)
    assert passes.images == 3
    assert not before.exists()


def test_a_deeper_cut_goes_on_from_a_shallower_one(
    cache: TrunkCache, model: TransferModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of other sets count: six of nine are known at cut 1, and all at cut 2."""
    ways: list[tuple[tuple[int, ...], int]] = []
    forward = forward_pass._forward

    def watched(model: TransferModel, cuts: tuple[int, ...], start: int) -> forward_pass.Forward:
        ways.append((cuts, start))
        return forward(model, cuts, start)

    monkeypatch.setattr(forward_pass, "_forward", watched)
    some, images = (ImageSet.of(IMAGES, np.arange(n), f"{n}") for n in (6, 9))
    cache.activations(model, some, [1], ["plain"])
    assert cache.count_missing(model, images, [2], ["plain"]) == 9
    cache.activations(model, images, [2], ["plain"])  # some images are not known at cut 1
    passes = Passes()
    found = cache.activations(model, images, [2, 4], ["plain"], passes)
    assert passes.images == 9
    assert ways == [((1,), 0), ((2,), 0), ((4,), 2)]
    fresh = TrunkCache(cache.folder / "fresh", GIGABYTE)
    expected = np.asarray(fresh.activations(model, images, [4], ["plain"])[4, "plain"])
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(found[4, "plain"], expected, rtol=5e-3, atol=1e-3 * scale)


def test_entries_of_version_0_1_are_passed_over_and_make_room(
    cache: TrunkCache, model: TransferModel, images: ImageSet
) -> None:
    old = cache.folder / "googlenet-20ef26bbbab1ee79fb7d325c.npy"
    np.save(old, np.zeros((9, 1024), np.float16))
    old.with_suffix(".json").write_text(
        '{"format": 1, "backbone": "googlenet", "weights": "w", "images": "i", "size": 64, '
        '"precision": "float32", "cut": null, "pooled": true, "view": "plain", '
        '"bytes": 18560, "crc32": 7}'
    )
    os.utime(old.with_suffix(".json"), (1, 1))
    cache.budget = 9 * 4096 * 2 + 1000
    cache.activations(model, images, [4], ["plain"])
    assert not old.exists()


def test_two_processes_at_once_leave_what_one_would(tmp_path: Path, model: TransferModel) -> None:
    """Two programs that want different cuts of the same images."""
    np.save(tmp_path / "images.npy", IMAGES)
    command = [sys.executable, "-c", _PROCESS, tmp_path]
    processes = [subprocess.Popen([*command, cuts]) for cuts in ("2,3", "3,4")]
    assert [process.wait(300) for process in processes] == [0, 0]
    entries = EntryFiles(tmp_path / "cache")
    keys = sorted(path.stem for path in entries.folder.glob("*.json"))
    assert len(keys) == 3 and all(entries.is_intact(key) for key in keys)
    assert len(list(entries.folder.glob("*.npy"))) == 3  # and no temporary file
    backbone = BACKBONES["googlenet"]
    same = TransferModel(backbone, 64, weights.load(backbone, "none", seed=3))
    images, passes = ImageSet.of(IMAGES, np.arange(9), "store"), Passes()
    cache = TrunkCache(tmp_path / "cache", GIGABYTE)
    cache.activations(same, images, [2, 3, 4], ["plain"], passes)
    assert passes.images == 0


_PROCESS = """
import sys
from pathlib import Path

import numpy as np

from tuning.tensorflow_import import import_tensorflow

import_tensorflow()
from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk import forward_pass
from tuning.trunk.cache import TrunkCache
from tuning.trunk.entry_files import EntryFiles
from tuning.trunk.image_set import ImageSet

folder, cuts = Path(sys.argv[1]), [int(cut) for cut in sys.argv[2].split(",")]
backbone = BACKBONES["googlenet"]
model = TransferModel(backbone, 64, weights.load(backbone, "none", seed=3))
images = ImageSet.of(np.load(folder / "images.npy"), np.arange(9), "store")
TrunkCache(folder / "cache", 10**9).activations(model, images, cuts, ["plain"])
"""
