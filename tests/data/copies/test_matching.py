import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from small_data_sets import saved

from data import find_copies, hash_files
from data.copies.matching import NEAR_BITS, first_alike
from data.groups import with_first

Change = Callable[[Image.Image], Image.Image]


def near_of(paths: list[str]) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in with_first(find_copies(hash_files(paths)).picture)]


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
def test_pictures_are_those_of_all_pairs(seed: int, differing: int) -> None:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (40, 256), dtype=np.uint8)
    for row in range(20, 30):
        bits[row] = bits[row - 20]
        bits[row, rng.choice(256, differing, replace=False)] ^= 1
    expected = [
        (i, j) for i, j in combinations(range(40), 2) if (bits[i] != bits[j]).sum() <= NEAR_BITS
    ]
    found = with_first(first_alike(np.packbits(bits, axis=1)))
    assert list(map(tuple, found.tolist())) == expected
    assert {(row, row + 20) for row in range(10)} <= set(expected)


@pytest.mark.parametrize("versions", [1, 400])
def test_a_picture_that_is_there_by_the_ten_thousand_takes_no_more_than_others(
    versions: int,
) -> None:
    """All pairs of 40,000 would be 800 million."""
    rng = np.random.default_rng(0)
    bits = np.tile(rng.integers(0, 2, 256, dtype=np.uint8), (versions, 1))
    bits[:, :9] = np.arange(versions)[:, None] >> np.arange(9) & 1
    looks = np.packbits(bits, axis=1)[rng.integers(0, versions, 40_000)]
    others = rng.integers(0, 256, (10, 32), dtype=np.uint8)
    picture = first_alike(np.concatenate([looks, others]))
    assert picture.tolist() == [0] * 40_000 + list(range(40_000, 40_010))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 15), st.integers(2, 30))
def test_all_that_differ_in_fewer_than_16_bits_are_found_among_many(
    seed: int, differing: int, copies: int
) -> None:
    """Copies differ from each other in more bits than from the picture that they are of."""
    rng = np.random.default_rng(seed)
    bits = np.repeat(rng.integers(0, 2, (5, 256), dtype=np.uint8), copies, axis=0)
    for row in range(len(bits)):
        if row % copies:
            bits[row, rng.choice(256, differing, replace=False)] ^= 1
    order = rng.permutation(len(bits))
    picture = first_alike(np.packbits(bits[order], axis=1))
    for original in range(5):
        assert len(set(picture[order // copies == original])) == 1
    assert len(set(picture)) == 5


@pytest.mark.skipif("DATA" not in os.environ, reason="DATA names no data set")
def test_few_look_alikes_in_the_data_set_at_hand(real_data: Path) -> None:
    from data import load

    manifest = load(real_data).manifest[:2000]
    picture = find_copies(hash_files(manifest["path"].tolist())).picture
    assert len(with_first(picture)) < 0.01 * len(manifest)
