import os
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from data import DataError, find_copies, hash_files, split, without_copies
from data.copies.matching import NEAR_BITS, near_pairs
from data.manifest import make_manifest
from data.synthetic.writing import generate

Change = Callable[[Image.Image], Image.Image]


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Thirty drawn portraits of ten people, all in CelebA's frame."""
    folder = generate(tmp_path_factory.mktemp("copies") / "drawn", 30)
    return sorted((folder / "img_align_celeba").iterdir())


def saved(image: Image.Image, path: Path, **options: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return str(path)


def near_of(paths: list[str]) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in find_copies(hash_files(paths)).near]


@pytest.mark.parametrize(
    ("change", "name", "options"),
    [
        (lambda image: image.resize((89, 109)), "half.jpg", {"quality": 85}),
        (lambda image: image.resize((400, 490)), "double.png", {}),
        (lambda image: image.resize((128, 128)), "square.jpg", {"quality": 75}),
        (lambda image: image, "again.jpg", {"quality": 30}),
        (lambda image: ImageEnhance.Brightness(image).enhance(1.08), "brighter.webp", {}),
    ],
)
def test_a_picture_that_was_saved_anew_is_found(
    portraits: list[Path], tmp_path: Path, change: Change, name: str, options: dict[str, int]
) -> None:
    paths = [str(path) for path in portraits[:12]]
    copy = saved(change(Image.open(paths[3])), tmp_path / name, **options)
    assert near_of([*paths, copy]) == [(3, 12)]


def test_different_photos_of_one_person_are_no_copies(portraits: list[Path]) -> None:
    assert near_of([str(path) for path in portraits]) == []


def test_even_surfaces_are_not_taken_for_one_picture(tmp_path: Path) -> None:
    paths = [saved(Image.new("RGB", (40, 40), (i, 9, 9)), tmp_path / f"{i}.png") for i in range(5)]
    assert near_of(paths) == []


def test_the_same_bytes_are_one_content_and_unreadable_files_are_none(tmp_path: Path) -> None:
    first = saved(Image.new("RGB", (9, 9), "red"), tmp_path / "a.png")
    for name in ("b.png", "c.png"):
        (tmp_path / name).write_bytes(Path(first).read_bytes())
    for name in ("text.jpg", "text2.jpg"):
        (tmp_path / name).write_text("text")
    names = ("a.png", "b.png", "c.png", "no.png", "text.jpg", "text2.jpg", "gone.png")
    copies = find_copies(hash_files([str(tmp_path / name) for name in names]))
    assert len(set(copies.content[:3])) == 1
    assert len(set(copies.content[2:])) == 5


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(0, 15))
def test_near_pairs_are_those_of_all_pairs(seed: int, differing: int) -> None:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (40, 256), dtype=np.uint8)
    for row in range(20, 30):
        bits[row] = bits[row - 20]
        bits[row, rng.choice(256, differing, replace=False)] ^= 1
    expected = [
        (i, j) for i, j in combinations(range(40), 2) if (bits[i] != bits[j]).sum() <= NEAR_BITS
    ]
    assert list(map(tuple, near_pairs(np.packbits(bits, axis=1)).tolist())) == expected
    assert {(row, row + 20) for row in range(10)} <= set(expected)


def test_hashes_are_kept_until_a_file_changes(portraits: list[Path], tmp_path: Path) -> None:
    paths = [saved(Image.open(path), tmp_path / path.name) for path in portraits[:4]]
    cache = tmp_path / "cache" / "hashes.npz"
    done: list[tuple[int, int]] = []

    def hashed(names: list[str]) -> np.ndarray:
        done.clear()
        return hash_files(names, cache, lambda *step: done.append(step)).looks

    first = hashed(paths[:3])
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert np.array_equal(hashed(paths[:3]), first) and done == []
    assert np.array_equal(hashed(paths)[:3], first) and done == [(1, 1)]
    Image.open(portraits[5]).save(paths[0])
    assert not np.array_equal(hashed(paths)[0], first[0]) and done == [(1, 1)]
    os.utime(paths[1], (1, 1))
    hashed(paths)
    assert done == [(1, 1)]
    for damage in (b"", b"PK damaged"):
        cache.write_bytes(damage)
        hashed(paths)
        assert len(done) == 4


def test_without_the_library_the_error_names_it(
    portraits: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(DataError, match="pip install ImageHash"):
        hash_files([str(portraits[0])])


def rows(paths: list[str], labels: list[int], parts: list[str] | None = None) -> pd.DataFrame:
    return make_manifest(paths, pd.Series(labels), split=pd.Series(parts) if parts else None)


def distinct_of(manifest: pd.DataFrame) -> tuple[list[str], np.ndarray, str]:
    found = without_copies(manifest, find_copies(hash_files(manifest["path"].tolist())))
    assert found.manifest.index.tolist() == list(range(len(found.manifest)))
    names = [Path(path).name for path in found.manifest["path"]]
    return names, found.near, "\n".join(found.notes)


def copied(portraits: list[Path], folder: Path, names: dict[str, int]) -> list[str]:
    """Files with these names, each the portrait of that number byte for byte."""
    for name, number in names.items():
        (folder / name).write_bytes(portraits[number].read_bytes())
    return [str(folder / name) for name in names]


def test_copies_count_once(portraits: list[Path], tmp_path: Path) -> None:
    paths = copied(portraits, tmp_path, {"a": 0, "b": 1, "a2": 0, "a3": 0})
    names, _, notes = distinct_of(rows([*paths, paths[1]], [0, 1, 0, 0, 1]))  # A row repeated.
    assert names == ["a", "b"]
    assert notes == "left out: 3 copies, byte for byte, of 2 images"


def test_the_same_file_under_both_labels_is_left_out_and_told(
    portraits: list[Path], tmp_path: Path
) -> None:
    paths = copied(portraits, tmp_path, {"a": 0, "b": 1, "a2": 0, "a3": 0})
    names, _, notes = distinct_of(rows(paths, [0, 1, 1, 0]))
    assert names == ["b"]
    assert "3 rows of images that are there with both labels" in notes
    assert f"{paths[0]} (woman) = {paths[2]} (man)" in notes


def test_of_copies_in_several_parts_the_one_in_test_stays(
    portraits: list[Path], tmp_path: Path
) -> None:
    paths = copied(portraits, tmp_path, {"a": 0, "b": 1, "a2": 0, "a3": 0, "c": 2})
    manifest = rows(paths, [0, 1, 0, 0, 1], ["train", "train", "test", "val", "val"])
    names, _, notes = distinct_of(manifest)
    assert names == ["b", "a2", "c"]
    assert "1 images had copies in several parts" in notes


def test_look_alikes_stay_in_one_part_and_are_told(portraits: list[Path], tmp_path: Path) -> None:
    whole = [str(path) for path in portraits]
    small = [
        saved(Image.open(path).resize((120, 147)), tmp_path / f"small{i}.jpg")
        for i, path in enumerate(portraits)
    ]
    labels = [i % 2 for i in range(30)]
    manifest = rows([*whole, *small, whole[0]], [*labels, *labels, 0])
    found = without_copies(manifest, find_copies(hash_files(manifest["path"].tolist())))
    assert found.near.tolist() == [[i, 30 + i] for i in range(30)]
    assert any(note.startswith("60 images look like another one") for note in found.notes)
    for seed in range(3):
        parts = split(found.manifest, seed=seed, near=found.near)["split"].to_numpy()
        assert (parts[:30] == parts[30:]).all()
        assert set(parts) == {"train", "val", "test"}
    apart = split(found.manifest, seed=0)["split"].to_numpy()
    assert (apart[:30] != apart[30:]).any()


def test_look_alikes_in_two_given_parts_or_with_two_labels_are_told(
    portraits: list[Path], tmp_path: Path
) -> None:
    small = saved(Image.open(portraits[0]).resize((120, 147)), tmp_path / "small.jpg")
    (copy,) = copied(portraits, tmp_path, {"copy": 0})
    parts = ["train", "val", "train", "test", "val"]
    manifest = rows([*map(str, portraits[:3]), small, copy], [0, 1, 0, 1, 0], parts)
    names, near, notes = distinct_of(manifest)
    assert names == ["000002.jpg", "000003.jpg", "small.jpg", "copy"] and near.tolist() == [[3, 2]]
    assert "1 pairs of them lie in different parts" in notes and "SPLIT=identity" in notes
    assert f"1 pairs of them have different labels: such as {copy} and {small}" in notes


def test_people_joined_by_a_picture_are_in_one_part() -> None:
    people = [name for name in "abcdefghijkl" for _ in range(2)]
    manifest = make_manifest(
        [f"/x/{i}" for i in range(24)],
        pd.Series([i // 2 % 2 for i in range(24)]),
        identity=pd.Series(people),
    )
    near = np.array([[1, 2], [3, 4]])  # a with b, b with c
    for seed in range(5):
        parts = split(manifest, 0.2, 0.2, seed, near)["split"]
        assert parts.iloc[:6].nunique() == 1


@pytest.mark.skipif("DATA" not in os.environ, reason="DATA names no data set")
def test_few_look_alikes_in_the_data_set_at_hand(real_data: Path) -> None:
    from data import load

    manifest = load(real_data).manifest[:2000]
    near = find_copies(hash_files(manifest["path"].tolist())).near
    assert len(near) < 0.01 * len(manifest)
