"""A cache whose image sets are made in shards, by one process or several."""

import os
import pickle
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.locks import alone
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.cache import CacheError, TrunkCache
from tuning.trunk.entry import EntryFacts
from tuning.trunk.image_set import ImageSet as Images
from tuning.trunk.image_set import View

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), dtype=np.uint8)
GIGABYTE = 10**9
SET_BYTES = 10 * 4096 * 2  # of all images at cut 4, in one view
BOTH: list[View] = ["plain", "mirrored"]


class Seen:
    """Keeps the progress that was reported."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))

    @property
    def last(self) -> tuple[int, int]:
        return self.calls[-1] if self.calls else (0, 0)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten images are three shards."""
    monkeypatch.setattr("data.rows._LEAST_ROWS", 3)


@pytest.fixture
def model(model_of: Callable[[str], TransferModel]) -> TransferModel:
    return model_of("googlenet")


@pytest.fixture
def cache(tmp_path: Path) -> TrunkCache:
    return TrunkCache(tmp_path / "cache", GIGABYTE)


@pytest.fixture
def images() -> Images:
    return Images.of(PIXELS, np.arange(10), "store")


def unsharded(
    cache: TrunkCache, model: TransferModel, images: Images, monkeypatch: pytest.MonkeyPatch
) -> np.ndarray:
    """Pass a set through the trunk as one shard, as versions before shards did."""
    with monkeypatch.context() as patch:
        patch.setattr("data.rows._LEAST_ROWS", 1000)
        whole = replace(images)
        return np.array(cache.activations(model, whole, [4], ["plain"])[4, "plain"])


def test_shards_together_are_what_one_pass_gives(
    cache: TrunkCache,
    model: TransferModel,
    images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen()
    found = cache.activations(model, images, [3, 4], BOTH, seen)
    assert len(list(cache.folder.glob("*.npy"))) == 3 * 2 * 2
    assert found[3, "mirrored"].shape == (10, 2, 2, 832) and seen.last == (20, 20)
    assert [done for done, _ in seen.calls] == sorted(done for done, _ in seen.calls)
    expected = unsharded(TrunkCache(tmp_path / "one", GIGABYTE), model, images, monkeypatch)
    np.testing.assert_allclose(found[4, "plain"][np.arange(10)], expected, rtol=5e-3, atol=5e-3)


def test_a_killed_pass_loses_one_shard(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    def kill(done: int, total: int) -> None:
        if done > 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.activations(model, images, [4], ["plain"], kill)
    seen = Seen()
    assert cache.count_missing(model, images, [4], ["plain"]) == 4
    TrunkCache(cache.folder, GIGABYTE).activations(model, images, [4], ["plain"], seen)
    assert seen.last == (4, 4)


def test_workers_make_shards_that_the_whole_finds(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    for number, shard in enumerate(images.shards()):
        seen = Seen()
        worker = TrunkCache(cache.folder, GIGABYTE)
        made = worker.activations(model, shard, [4], BOTH, seen)
        assert made[4, "plain"].shape == (len(shard), 2, 2, 1024)
        assert seen.last == (2 * len(shard), 2 * len(shard)) == ((6, 6), (6, 6), (8, 8))[number]
    seen = Seen()
    found = cache.activations(model, images, [4], BOTH, seen)
    assert seen.calls == [] and found[4, "plain"].shape == (10, 2, 2, 1024)


def test_a_shard_is_the_same_in_every_process(images: Images) -> None:
    again = Images.of(PIXELS, np.arange(10), "store")
    ours, theirs = ([s.fingerprint for s in one.shards()] for one in (images, again))
    assert ours == theirs and len(set(ours)) == 3
    shard = images.shards()[1]
    assert shard.shards() == [shard] and shard.whole is images
    assert np.concatenate([s.rows for s in images.shards()]).tolist() == list(range(10))
    assert np.concatenate([s.digests for s in images.shards()]).tolist() == images.digests.tolist()


def test_busy_shards_are_left_to_others_until_the_end(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    """Another process holds the first shard; it lets go when the two others are made."""
    first = images.shards()[0]
    name = f"pass-{EntryFacts.of(model, first, 0, '').digest}"
    made = threading.Event()
    seen = Seen()

    def need() -> None:
        cache.activations(model, images, [4], ["plain"], seen)
        made.set()

    thread = threading.Thread(target=need)
    with alone(cache.folder / name):
        thread.start()
        while len(list(cache.folder.glob("googlenet-*.json"))) < 2:
            assert not made.wait(0.05)
        assert cache.count_missing(model, images, [4], ["plain"]) == 3
    thread.join()
    assert seen.last == (10, 10)


def test_processes_share_the_shards(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    started = threading.Barrier(2)
    seen = Seen()

    def need() -> None:
        mine = TrunkCache(cache.folder, GIGABYTE)
        started.wait()
        mine.activations(model, images, [4], ["plain"], seen)

    threads = [threading.Thread(target=need) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen.calls) == 3  # one batch a shard, whoever made it
    assert not list(cache.folder.glob(".tmp-*"))


def test_an_entry_from_before_shards_is_copied(
    cache: TrunkCache, model: TransferModel, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = unsharded(cache, model, images, monkeypatch)
    assert len(list(cache.folder.glob("*.npy"))) == 1
    assert cache.count_missing(model, images, [4], ["plain"]) == 0
    seen = Seen()
    found = cache.activations(model, images, [4], ["plain"], seen)
    assert seen.calls == [] and len(list(cache.folder.glob("*.npy"))) == 4
    np.testing.assert_array_equal(found[4, "plain"], before)


def test_what_is_copied_survives_its_eviction(
    cache: TrunkCache, model: TransferModel, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one set alone the old entry goes with the first shard; the others copy on."""
    before = unsharded(cache, model, images, monkeypatch)
    [old] = cache.folder.glob("*.npy")
    cache.budget = old.stat().st_size + 1000
    seen = Seen()
    found = cache.activations(model, images, [4], ["plain"], seen)
    assert seen.calls == [] and not old.exists()
    np.testing.assert_array_equal(found[4, "plain"], before)


def test_a_damaged_shard_alone_passes_again(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    before = np.array(cache.activations(model, images, [4], ["plain"])[4, "plain"])
    [key] = cache.keys(model, images.shards()[1], [4], ["plain"])
    path = cache.folder / f"{key}.npy"
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF
    path.write_bytes(content)
    seen = Seen()
    after = cache.activations(model, images, [4], ["plain"], seen)[4, "plain"]
    assert seen.last == (3, 3)
    np.testing.assert_array_equal(after, before)


def test_a_damaged_entry_makes_room_for_itself(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    """Within a budget that holds the set once."""
    cache.activations(model, images, [4], ["plain"])
    for path in cache.folder.glob("*.npy"):
        path.write_bytes(path.read_bytes()[:-2])
    cache.budget = SET_BYTES + 1000
    seen = Seen()
    cache.activations(model, images, [4], ["plain"], seen)
    assert seen.last == (10, 10)


def test_a_worker_leaves_the_other_shards_of_its_set(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    first, second, _ = images.shards()
    cache.activations(model, first, [4], ["plain"])
    [path] = cache.folder.glob("*.npy")
    os.utime(path.with_suffix(".json"), (1, 1))
    cache.budget = int(1.5 * path.stat().st_size)
    with pytest.raises(CacheError, match="CACHE_GB"):
        cache.activations(model, second, [4], ["plain"])
    assert path.exists()
    cache.budget = GIGABYTE
    cache.activations(model, second, [4], ["plain"])
    uses = [path.stat().st_mtime for path in cache.folder.glob("*.json")]
    assert max(uses) - min(uses) < 60  # the shards of a set are used together


def test_too_little_room_for_all_shards_is_said_before_the_first(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    cache.budget = 10 * 2 * 2 * (4096 + 2 * 2 * 832) - 1
    other = Images.of(255 - PIXELS, np.arange(3), "other")
    small = TrunkCache(cache.folder, GIGABYTE).activations(model, other, [4], ["plain"])
    seen = Seen()
    with pytest.raises(CacheError, match="CACHE_GB"):
        cache.activations(model, images, [3, 4], BOTH, seen)
    assert seen.calls == [] and len(list(cache.folder.glob("*.npy"))) == len(small)


def test_what_is_there_needs_no_room(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    cache.activations(model, images.shards()[2], [4], ["plain"])
    cache.budget = SET_BYTES + 1000
    seen = Seen()
    cache.activations(model, images, [4], ["plain"], seen)
    assert seen.last == (6, 6)


def test_an_unchanged_file_is_read_once_a_process(
    cache: TrunkCache, model: TransferModel, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.activations(model, images, [4], ["plain"])
    read: list[int] = []
    checksum = zlib.crc32

    def counted(data: bytes, before: int = 0) -> int:
        read.append(len(data))
        return checksum(data, before)

    monkeypatch.setattr("tuning.trunk.entry_files.zlib.crc32", counted)
    fresh = TrunkCache(cache.folder, GIGABYTE)
    for _ in range(3):
        fresh.activations(model, images, [4], ["plain"])
    assert sum(read) == 10 * 4096 * 2


def test_entries_travel_to_another_machine(
    cache: TrunkCache, model: TransferModel, images: Images, tmp_path: Path
) -> None:
    made = cache.activations(model, images, [3, 4], ["plain"])
    other = TrunkCache(tmp_path / "other", GIGABYTE)
    for key in cache.keys(model, images, [3, 4], ["plain"]):
        sent = cache.read(key)
        assert sent is not None
        other.adopt(pickle.loads(pickle.dumps(sent, protocol=5)))
    seen = Seen()
    found = other.activations(model, images, [3, 4], ["plain"], seen)
    assert seen.calls == []
    for at, activations in made.items():
        np.testing.assert_array_equal(found[at], activations)
    subset = Images.of(PIXELS, np.array([7, 2]), "subset")
    assert other.count_missing(model, subset, [3, 4], ["plain"]) == 0  # digests came along


def test_what_is_damaged_does_not_travel(
    cache: TrunkCache, model: TransferModel, images: Images, tmp_path: Path
) -> None:
    cache.activations(model, images, [4], ["plain"])
    key = cache.keys(model, images, [4], ["plain"])[0]
    sent = cache.read(key)
    assert sent is not None
    other = TrunkCache(tmp_path / "other", GIGABYTE)
    for harmed in (
        replace(sent, activations=sent.activations + 1),
        replace(sent, activations=sent.activations[1:]),
        replace(sent, activations=sent.activations.astype(np.float32)),
        replace(sent, digests=sent.digests[1:]),
        replace(sent, stored=sent.stored.model_copy(update={"backbone": "../../vgg16"})),
    ):
        with pytest.raises(ValueError, match=r"on its way|no entry"):
            other.adopt(harmed)
    assert not list(other.folder.glob("*.npy"))
    path = cache.folder / f"{key}.npy"
    path.write_bytes(path.read_bytes()[:-2])
    assert cache.read(key) is None and cache.read("vgg16-0") is None


def test_an_entry_that_is_there_is_not_replaced(
    cache: TrunkCache, model: TransferModel, images: Images
) -> None:
    cache.activations(model, images, [4], ["plain"])
    key = cache.keys(model, images, [4], ["plain"])[0]
    before = (cache.folder / f"{key}.npy").stat()
    sent = cache.read(key)
    assert sent is not None
    cache.adopt(sent)
    assert (cache.folder / f"{key}.npy").stat().st_ino == before.st_ino


def test_each_precision_has_keys_of_its_own(model: TransferModel, images: Images) -> None:
    keys = set()
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        of = TransferModel(BACKBONES["googlenet"], 64, model.weights, precision)
        keys.add(EntryFacts.of(of, images, 3, "plain").key)
    assert len(keys) == 3


def test_half_precision_activations_are_kept(cache: TrunkCache, model: TransferModel) -> None:
    half = TransferModel(BACKBONES["googlenet"], 64, model.weights, "mixed_float16")
    images = Images.of(PIXELS, np.arange(2), "two")
    made = cache.activations(half, images, [3, 4], ["plain"])
    assert all(np.isfinite(one).all() and one.dtype == np.float16 for one in made.values())
