"""What machines without a common folder send each other, with the actor called directly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.rows import shards_of
from tuning.backbones.transfer_model import TransferModel
from tuning.cluster import exchange
from tuning.cluster.exchange import Exchange, ExchangedCache, FetchedImages
from tuning.trunk.cache import TrunkCache
from tuning.trunk.entry import EntryFacts
from tuning.trunk.entry_files import EntryFiles
from tuning.trunk.image_set import ImageSet

COUNT, SIZE = 2500, 64


class Handle:
    """The actor as a worker has it; it counts what it is asked for."""

    def __init__(self, served: Exchange) -> None:
        self.asked: list[tuple[str, Any]] = []
        for name in ("images", "entry", "holding", "adopt"):
            setattr(self, name, SimpleNamespace(remote=self._counted(name, getattr(served, name))))

    def _counted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def remote(*args: Any) -> Any:
            self.asked.append((name, args[0]))
            return method(*args)

        return remote


@pytest.fixture
def images() -> np.ndarray:
    numbers = np.arange(COUNT, dtype=np.uint16).view(np.uint8).reshape(COUNT, 2)
    return np.ascontiguousarray(np.broadcast_to(numbers[:, None, None, :1], (COUNT, 2, 2, 3)))


@pytest.fixture
def home(tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    monkeypatch.setattr(exchange, "_got", lambda value: value)
    served = Exchange.__new__(Exchange)
    served._images = images
    served._cache = TrunkCache(tmp_path / "home", 10**9)
    served._files = EntryFiles(tmp_path / "home")
    return served


def test_images_are_fetched_by_parts_when_they_are_asked_for(
    tmp_path: Path, home: Exchange, images: np.ndarray
) -> None:
    handle = Handle(home)
    fetched = FetchedImages(handle, tmp_path, COUNT, 2)  # type: ignore[arg-type]
    assert fetched.shape == images.shape and len(fetched) == COUNT
    assert (fetched[np.array([5, 3])] == images[[5, 3]]).all()
    assert (fetched[7] == images[7]).all()
    assert handle.asked == [("images", 0)]
    assert len(shards_of(COUNT)) == 2
    for rows in (slice(1200, 1300), np.arange(COUNT)[::-1], np.arange(COUNT) % 3 == 0):
        assert (fetched[rows] == images[rows]).all()
    again = FetchedImages(handle, tmp_path, COUNT, 2)  # type: ignore[arg-type]
    assert (again[:] == images).all()
    assert handle.asked == [("images", 0), ("images", 1)]


def test_a_part_that_is_damaged_on_disk_is_fetched_again(
    tmp_path: Path, home: Exchange, images: np.ndarray
) -> None:
    handle = Handle(home)
    assert FetchedImages(handle, tmp_path, COUNT, 2)[0].any() == images[0].any()  # type: ignore[arg-type]
    [part] = tmp_path.glob("images-*.npy")
    part.write_bytes(part.read_bytes()[:-1])
    fetched = FetchedImages(handle, tmp_path, COUNT, 2)  # type: ignore[arg-type]
    assert (fetched[:10] == images[:10]).all()
    assert len(handle.asked) == 2


def test_no_image_passes_on_two_machines(
    tmp_path: Path, home: Exchange, model_of: Callable[[str], TransferModel]
) -> None:
    model, some = model_of("googlenet"), few_images()
    handles = Handle(home), Handle(home)
    caches = [cache_of(tmp_path / f"worker{n}", handle) for n, handle in enumerate(handles)]
    results = [cache.activations(model, some, [2], ["plain"])[2, "plain"] for cache in caches]
    assert (results[0] == results[1]).all()
    assert names(handles[0]) == ["entry", "holding", "holding", "adopt"]  # at cuts 2 and 1
    assert names(handles[1]) == ["entry"]
    assert home._cache.count_missing(model, some, [2], ["plain"]) == 0


def test_what_home_has_is_not_missing_here(
    tmp_path: Path, home: Exchange, model_of: Callable[[str], TransferModel]
) -> None:
    model, some = model_of("googlenet"), few_images()
    handle = Handle(home)
    cache = cache_of(tmp_path / "worker", handle)
    assert cache.count_missing(model, some, [2], ["plain"]) == 4
    home._cache.activations(model, some, [2], ["plain"])
    assert cache.count_missing(model, some, [2], ["plain"]) == 0
    assert not list((tmp_path / "worker").glob("pass-*"))


def test_a_larger_sample_and_a_deeper_cut_go_on_from_what_home_has(
    tmp_path: Path, home: Exchange, model_of: Callable[[str], TransferModel]
) -> None:
    model, some = model_of("googlenet"), few_images()
    smaller = ImageSet.of(some.images, np.arange(3), "store")
    home._cache.activations(model, smaller, [1], ["plain"])
    cache, passed = cache_of(tmp_path / "worker", Handle(home)), []
    assert cache.count_missing(model, some, [1], ["plain"]) == 1
    found = cache.activations(model, some, [1], ["plain"], lambda done, _: passed.append(done))
    assert passed[-1] == 1
    alone = TrunkCache(tmp_path / "alone", 10**9).activations(model, some, [1, 2], ["plain"])
    assert np.allclose(found[1, "plain"][:], alone[1, "plain"][:], atol=1e-2)
    other = cache_of(tmp_path / "other", Handle(home))
    deeper = other.activations(model, some, [2], ["plain"])[2, "plain"]
    assert np.allclose(deeper[:], alone[2, "plain"][:], atol=1e-2, rtol=1e-2)
    assert len(list((tmp_path / "other").glob("*.npy"))) > 1  # what it went on from


def few_images() -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 255, (4, SIZE, SIZE, 3)).astype(np.uint8)
    return ImageSet.of(pixels, np.arange(4), "store")


def cache_of(folder: Path, handle: Handle) -> ExchangedCache:
    return ExchangedCache(folder, 10**9, handle)  # type: ignore[arg-type]


def names(handle: Handle) -> list[str]:
    return [name for name, _ in handle.asked]


@pytest.mark.parametrize(
    "key", ["../home/secret", "/etc/passwd", "vgg16-0123", "", "a-" + "0" * 24 + "\n"]
)
def test_a_worker_cannot_ask_for_anything_but_an_entry(home: Exchange, key: str) -> None:
    with pytest.raises(ValueError, match="names no entry"):
        home.entry(key)


def test_a_worker_cannot_look_for_files_elsewhere(
    home: Exchange, model_of: Callable[[str], TransferModel]
) -> None:
    like = EntryFacts.of(model_of("googlenet"), few_images(), 1, "plain")
    hostile = like.model_copy(update={"backbone": "../../etc/x"})
    with pytest.raises(ValueError, match="names no entry"):
        home.holding(hostile, np.empty(0, "S16"))


def test_an_entry_that_is_not_what_it_says_is_refused(
    tmp_path: Path, home: Exchange, model_of: Callable[[str], TransferModel]
) -> None:
    model = model_of("googlenet")
    some = ImageSet.of(np.zeros((2, SIZE, SIZE, 3), np.uint8), np.arange(2), "store")
    own = TrunkCache(tmp_path / "worker", 10**9)
    own.activations(model, some, [2], ["plain"])
    sent = own.read(own.keys(model, some, [2], ["plain"])[0])
    assert sent
    object.__setattr__(sent, "activations", sent.activations + np.float16(1))
    with pytest.raises(ValueError, match="damaged"):
        home.adopt(sent, [])
    assert home._cache.count_missing(model, some, [2], ["plain"]) == 2
