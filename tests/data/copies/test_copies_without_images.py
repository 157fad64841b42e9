"""Copies by given hashes: which row stays, what is paired, and what is told."""

import numpy as np
import pandas as pd
import pytest

from data import Copies, find_copies, without_copies
from data.copies.hashes import Hashes
from data.copies.matching import NEAR_BITS
from data.manifest import make_manifest


def manifest(
    labels: list[int], parts: list[str] | None = None, names: str = "abcdefghijklmn"
) -> pd.DataFrame:
    return make_manifest(
        list(names[: len(labels)]),
        pd.Series(labels),
        split=pd.Series(parts) if parts else None,
    )


def kept(
    table: pd.DataFrame, content: list[int], picture: list[int] | None = None
) -> tuple[str, list[list[int]], tuple[str, ...]]:
    found = without_copies(table, Copies(np.array(content), np.array(picture or content)))
    return "".join(found.manifest["path"]), found.near.tolist(), found.notes


def test_without_copies_nothing_is_left_out_or_told() -> None:
    assert kept(manifest([0, 1, 0]), [1, 2, 3]) == ("abc", [], ())


def test_the_first_of_many_copies_stays() -> None:
    names = "".join(chr(0x4E00 + row) for row in range(200))
    content = [900 - row % 100 for row in range(200)]
    paths, _, notes = kept(manifest([0] * 200, names=names), content)
    assert paths == names[:100]
    assert notes == ("left out: 100 copies, byte for byte, of 100 images",)


def test_the_row_in_test_stays_then_that_in_val_then_the_first() -> None:
    parts = ["train", "val", "test", "val", "train", "train"]
    paths, _, notes = kept(manifest([0] * 6, parts), [1, 1, 1, 2, 2, 3])
    assert paths == "cdf"
    assert notes == (
        "left out: 3 copies, byte for byte, of 2 images",
        "2 images had copies in several parts of the given split",
    )
    paths, _, notes = kept(manifest([0] * 6, ["train"] * 4 + ["val", "test"]), [1, 1, 2, 2, 3, 4])
    assert paths == "acef"
    assert notes == ("left out: 2 copies, byte for byte, of 2 images",)


def test_pictures_with_both_labels_are_left_out_whole_and_three_are_shown() -> None:
    labels = [0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1]
    paths, _, notes = kept(manifest(labels), [9, 9, 8, 8, 7, 7, 4, 4, 4, 5, 6])
    assert paths == "jk"
    assert notes == (
        "left out: 9 rows of images that are there with both labels: a (woman) = b (man); "
        "c (man) = d (woman); e (woman) = f (man)",
    )


def test_pairs_follow_the_rows_that_stay() -> None:
    """a is a copy of d in test, so that b is paired with d."""
    parts = ["train", "train", "val", "test"]
    paths, near, notes = kept(manifest([0, 1, 0, 0], parts), [1, 2, 3, 1], [1, 1, 3, 1])
    assert (paths, near) == ("bcd", [[0, 2]])
    assert notes[2:] == (
        "2 images look like another one, resized or compressed anew: such as b and d",
        "1 of these pictures lie in different parts of the given split; SPLIT=identity makes a new "
        "one that keeps them together",
        "1 of these pictures have different labels: b (man) = d (woman)",
    )


def test_pairs_with_a_picture_that_was_left_out_are_no_pairs() -> None:
    paths, near, notes = kept(manifest([0, 1, 0, 0]), [1, 1, 2, 3], [1, 1, 1, 1])
    assert (paths, near) == ("cd", [[0, 1]])
    assert notes[1:] == (
        "2 images look like another one, resized or compressed anew: such as c and d",
    )


def hashes(*differing: int, readable: str = "", comparable: str = "") -> Hashes:
    """Files whose looks differ from the first in the first so many bits, all other in bytes."""
    looks = np.zeros((len(differing), 256), np.uint8)
    for row, bits in enumerate(differing):
        looks[row, :bits] = 1
    content = np.zeros((len(differing), 32), np.uint8)
    content[:, 0] = np.arange(len(differing))
    return Hashes(
        content,
        np.packbits(looks, axis=1),
        np.array([flag == "1" for flag in readable or "1" * len(differing)]),
        np.array([flag == "1" for flag in comparable or "1" * len(differing)]),
        np.ones((len(differing), 2), np.uint32),
    )


def test_as_many_bits_as_allowed_are_near_and_one_more_is_not() -> None:
    assert find_copies(hashes(0, NEAR_BITS)).picture.tolist() == [0, 0]
    assert find_copies(hashes(0, NEAR_BITS + 1)).picture.tolist() == [0, 1]


def test_even_surfaces_are_compared_with_nothing() -> None:
    assert find_copies(hashes(0, 1, 2, comparable="101")).picture.tolist() == [0, 1, 0]


def test_of_equal_bytes_the_first_is_compared() -> None:
    found = hashes(0, 0, 3)
    found.content[1] = found.content[0]
    copies = find_copies(found)
    assert copies.content[0] == copies.content[1] != copies.content[2]
    assert copies.picture.tolist() == [0, 0, 0]


def test_unreadable_files_are_not_copies_of_each_other_or_of_others() -> None:
    found = hashes(0, 0, 0, readable="100", comparable="100")
    found.content[:] = 0
    assert len(set(find_copies(found).content.tolist())) == 3


@pytest.mark.parametrize("count", [1, 2, 30])
def test_many_alike_are_one_picture(count: int) -> None:
    copies = find_copies(hashes(*[row % 3 for row in range(count)]))
    assert copies.picture.tolist() == [0] * count


def test_pictures_hang_together_by_those_between_them() -> None:
    """The first and the third differ in more bits than copies do, the second in few from both."""
    assert find_copies(hashes(0, 20, 40)).picture.tolist() == [0, 0, 0]
    assert find_copies(hashes(0, 40)).picture.tolist() == [0, 1]


def test_a_picture_whose_first_row_is_left_out_still_pairs_the_others() -> None:
    paths, near, _ = kept(manifest([0, 1, 0, 0, 0]), [1, 1, 2, 3, 4], [1, 1, 1, 1, 4])
    assert (paths, near) == ("cde", [[0, 1]])


def test_labels_of_a_picture_differ_though_its_first_row_has_none() -> None:
    notes = kept(manifest([-1, 0, 1]), [1, 2, 3], [1, 1, 1])[2]
    assert notes[1] == "1 of these pictures have different labels: b (woman) = c (man)"
