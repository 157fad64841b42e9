import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import DataError, ImageStore, build, decode, to_square

Picture = Callable[..., Path]


def make(manifest: pd.DataFrame, folder: Path, **options: object) -> ImageStore:
    return build(manifest, 16, "stretch", folder, workers=2, **options)  # type: ignore[arg-type]


def test_pixels_and_order_are_those_of_the_manifest(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    store = make(folder_manifest, tmp_path / "s", progress=lambda *done: seen.append(done))
    assert store.images.shape == (40, 16, 16, 3)
    assert store.images.dtype == np.uint8
    assert isinstance(store.images, np.memmap) and not store.images.flags.writeable
    assert store.broken == ()
    assert seen == [(done, 40) for done in range(1, 41)]
    for image, path in zip(store.images, store.manifest["path"], strict=True):
        assert np.array_equal(image, to_square(decode(Path(path)), 16))


def test_a_store_is_reused_and_keyed(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    first = make(folder_manifest, tmp_path / "s")
    (array,) = (tmp_path / "s").glob("*/images.npy")
    before = array.stat().st_mtime_ns
    relabelled = folder_manifest.assign(split="train", label=[1, 0] * 20)
    again = make(relabelled, tmp_path / "s")
    assert again.fingerprint == first.fingerprint and len(first.fingerprint) == 64
    assert array.stat().st_mtime_ns == before
    assert again.manifest["label"].tolist() == [1, 0] * 20
    others = [
        build(folder_manifest, 17, "stretch", tmp_path / "s").fingerprint,
        build(folder_manifest, 16, "crop", tmp_path / "s").fingerprint,
        make(folder_manifest[::-1], tmp_path / "s").fingerprint,
    ]
    os.utime(folder_manifest["path"][3], (1, 1))
    others.append(make(folder_manifest, tmp_path / "s").fingerprint)
    assert len({first.fingerprint, *others}) == 5


@pytest.mark.parametrize("harm", ["cut", "emptied", "garbled", "no facts", "bad facts"])
def test_a_damaged_store_is_rebuilt(
    folder_manifest: pd.DataFrame, tmp_path: Path, harm: str
) -> None:
    first = make(folder_manifest, tmp_path / "s")
    wanted = np.array(first.images)
    del first
    (array,) = (tmp_path / "s").glob("*/images.npy")
    facts = array.with_name("store.json")
    if harm == "cut":
        os.truncate(array, array.stat().st_size - 1000)
    elif harm == "emptied":
        array.write_bytes(b"")
    elif harm == "garbled":
        array.write_bytes(b"x" * 10_000)
    elif harm == "no facts":
        facts.unlink()
    else:
        facts.write_text("[1, 2")
    assert np.array_equal(make(folder_manifest, tmp_path / "s").images, wanted)
    assert sorted(path.name for path in array.parent.iterdir()) == ["images.npy", "store.json"]


def test_broken_files_are_listed_and_skipped(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    text, gone = folder_manifest["path"][4], folder_manifest["path"][39]
    Path(text).write_text("no image")
    Path(gone).unlink()
    for _ in range(2):  # Built, then opened.
        store = make(folder_manifest, tmp_path / "s")
        assert [path for path, _ in store.broken] == [text, gone]
        assert "not an image" in store.broken[0][1] and store.broken[1][1] == "no such file"
        assert store.images.shape[0] == 38 == len(store.manifest)
        assert store.manifest.index.tolist() == list(range(38))
        last = to_square(decode(Path(store.manifest["path"][37])), 16)
        assert np.array_equal(store.images[37], last)


def test_too_many_broken_files_are_an_error(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    for path in folder_manifest["path"][:3]:
        Path(path).write_bytes(b"")
    for _ in range(2):
        with pytest.raises(DataError, match=r"3 of 40 images are broken.*00\.png \(empty file"):
            make(folder_manifest, tmp_path / "s")


def test_an_interrupted_build_leaves_nothing(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(folder_manifest, tmp_path / "s", progress=interrupt)
    assert [path for path in (tmp_path / "s").rglob("*") if path.is_file()] == []
    assert len(make(folder_manifest, tmp_path / "s").images) == 40


def test_leftovers_of_a_killed_build_are_removed(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    make(folder_manifest, tmp_path / "s")
    (facts,) = (tmp_path / "s").glob("*/store.json")
    facts.unlink()
    old, new = facts.with_name("images.1.tmp"), facts.with_name("images.2.tmp")
    for path in (old, new):
        path.write_bytes(b"unfinished")
    os.utime(old, (1, 1))
    make(folder_manifest, tmp_path / "s")
    assert not old.exists() and new.exists()
