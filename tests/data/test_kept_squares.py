"""What earlier image stores hold is copied, if it was made of the same and is sound."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import FaceSearch, Guess, ImageStore, build, decode, to_square
from data.kept_squares import find_kept

SIZE = 16


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were decoded."""
    names: list[str] = []

    def counted(path: Path) -> object:
        names.append(path.name)
        return decode(path)

    monkeypatch.setattr("data.image_shards.decode", counted)
    return names


def make(manifest: pd.DataFrame, folder: Path, size: int = SIZE, **options: object) -> ImageStore:
    rows = manifest.reset_index(drop=True)
    return build(rows, size, **{"framing": "stretch", "workers": 2, **options}, folder=folder)  # type: ignore[arg-type]


def squares_of(store: ImageStore) -> np.ndarray:
    return np.stack([to_square(decode(Path(path)), SIZE) for path in store.manifest["path"]])


def names(rows: range) -> list[str]:
    return [f"{row:02d}.png" for row in rows]


def test_a_larger_sample_decodes_what_is_new(
    folder_manifest: pd.DataFrame, tmp_path: Path, decoded: list[str]
) -> None:
    make(folder_manifest[10:20], tmp_path / "s")
    make(folder_manifest[30:40], tmp_path / "s")
    decoded.clear()
    every = make(folder_manifest, tmp_path / "s")
    assert sorted(decoded) == names(range(10)) + names(range(20, 30))
    assert np.array_equal(every.images, squares_of(every))
    decoded.clear()
    again = make(folder_manifest[::-1], tmp_path / "s")
    assert decoded == [] and np.array_equal(again.images, squares_of(again))


def test_what_was_made_otherwise_is_not_taken(
    folder_manifest: pd.DataFrame, tmp_path: Path, decoded: list[str]
) -> None:
    make(folder_manifest, tmp_path / "s")
    for options in ({"size": 24}, {"framing": "crop"}):
        decoded.clear()
        make(folder_manifest, tmp_path / "s", **options)  # type: ignore[arg-type]
        assert len(decoded) == 40
    changed = Path(folder_manifest["path"][5])
    changed.write_bytes(Path(folder_manifest["path"][6]).read_bytes())
    os.utime(changed, ns=(1, 1))
    decoded.clear()
    store = make(folder_manifest, tmp_path / "s")
    assert decoded == ["05.png"] and np.array_equal(store.images, squares_of(store))


def test_a_face_is_searched_for_once_and_a_guess_again(
    folder_manifest: pd.DataFrame, tmp_path: Path, decoded: list[str]
) -> None:
    searched: list[str] = []

    def red(path: Path, size: int) -> np.ndarray | Guess:
        searched.append(path.name)
        square = np.full((size, size, 3), (255, 0, 0), np.uint8)
        return Guess(square, "no face found") if path.name == "03.png" else square

    def all_of(count: int, version: str = "1") -> ImageStore:
        search = FaceSearch(red, version, np.ones(count, bool))
        return make(folder_manifest[:count], tmp_path / "s", search=search)

    make(folder_manifest, tmp_path / "s")  # the same files, cropped otherwise
    all_of(10)
    assert sorted(searched) == names(range(10))
    searched.clear()
    store = all_of(30)
    assert sorted(searched) == ["03.png", *names(range(10, 30))] and store.guessed == 1
    assert (store.images == (255, 0, 0)).all()
    searched.clear()
    all_of(30, "2")
    assert len(searched) == 30


@pytest.mark.parametrize("harm", ["pixels", "cut", "sources", "gone", "other array"])
def test_what_is_damaged_is_decoded_again(
    harm: str, folder_manifest: pd.DataFrame, tmp_path: Path, decoded: list[str]
) -> None:
    make(folder_manifest[:20], tmp_path / "s")
    (images,) = (tmp_path / "s").glob("*/images.npy")
    sources = images.with_suffix(".sources")
    if harm == "pixels":
        content = bytearray(images.read_bytes())
        content[-1] ^= 1  # of the last image
        images.write_bytes(content)
    elif harm == "cut":
        images.write_bytes(images.read_bytes()[:-1])
    elif harm == "sources":
        sources.write_bytes(sources.read_bytes()[:-1])
    elif harm == "gone":
        images.unlink()
    else:
        np.save(images, np.zeros((20, SIZE, SIZE, 3), np.float32))
    decoded.clear()
    store = make(folder_manifest, tmp_path / "s")
    lost = range(19, 40) if harm == "pixels" else range(40)
    assert sorted(decoded) == names(lost) and np.array_equal(store.images, squares_of(store))


def test_the_same_image_twice_is_decoded_at_most_twice(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    make(folder_manifest[:20], tmp_path / "s")
    twice = pd.concat([folder_manifest[:20]] * 2)
    store = make(twice, tmp_path / "s")
    assert len(store.images) == 40 and np.array_equal(store.images, squares_of(store))


@given(st.binary(max_size=200), st.integers(0, 5))
def test_any_sources_are_read(content: bytes, wanted: int) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        store = Path(folder, "store")
        store.mkdir()
        np.save(store / "images.npy", np.zeros((len(content) // 32, 8, 8, 3), np.uint8))
        (store / "images.sources").write_bytes(content)
        sources = np.frombuffer(content[: 16 * wanted].ljust(16 * wanted, b"x"), "S16")
        kept = find_kept(Path(folder), sources, 8)
        assert all(kept.square(row) is None for row in range(wanted))
