from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_data_sets import saved

from data import (
    Copies,
    Distinct,
    find_copies,
    hash_files,
    in_one_part,
    split,
    without_copies,
)
from data.groups import with_first
from data.manifest import make_manifest


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


def test_look_alikes_are_paired_and_told(portraits: list[Path], tmp_path: Path) -> None:
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


numbers = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["train", "val", "test"]), st.booleans()),
    max_size=30,
)


@given(numbers)
def test_a_picture_is_in_one_dealt_part_alone(drawn: list[tuple[int, str, bool]]) -> None:
    """Whatever looks alike; rows of given parts are never left out."""
    pictures = np.array([picture for picture, _, _ in drawn], np.int64)
    parts = [part for _, part, _ in drawn]
    dealt = np.array([was_dealt for _, _, was_dealt in drawn], bool)
    table = pd.DataFrame({"path": list(map(str, range(len(drawn)))), "split": parts})
    rest = in_one_part(Distinct(table, with_first(pictures), ("before",)), dealt)
    kept = rest.manifest["path"].astype(int).to_numpy()
    assert set(np.flatnonzero(~dealt)) <= set(kept)
    first = {picture: row for row, picture in reversed(list(enumerate(pictures)))}
    alone = [row for row in kept if dealt[row]]
    assert all(parts[row] == parts[first[pictures[row]]] for row in alone)
    lost = sorted(set(range(len(drawn))) - set(kept))
    assert all(parts[row] != parts[first[pictures[row]]] for row in lost)
    assert rest.near.tolist() == with_first(pictures[kept]).tolist()
    assert len(rest.notes) == 1 + bool(lost)


def test_many_copies_of_each_picture_do_not_empty_the_training(tmp_path: Path) -> None:
    """Ten copies each, dealt one by one: what is left of the parts keeps their shares."""
    content = np.repeat(np.arange(200), 10)
    table = rows([f"{row}.jpg" for row in range(2000)], (content % 2).tolist())
    dealt = np.ones(len(table), bool)
    copies = Copies(np.arange(len(content)), content)
    for found in (copies, Copies(content, content)):
        distinct = without_copies(split(table), found, dealt=dealt)
        rest = in_one_part(distinct, dealt[: len(distinct.manifest)]).manifest
        pictures = rest["path"].str.removesuffix(".jpg").astype(int) // 10
        parts = rest["split"].groupby(pictures)
        assert (parts.nunique() == 1).all() and len(parts) == 200
        assert parts.first().value_counts(normalize=True)["train"] > 0.6
        assert parts.first().value_counts(normalize=True)["test"] > 0.08


def test_look_alikes_in_two_given_parts_or_with_two_labels_are_told(
    portraits: list[Path], tmp_path: Path
) -> None:
    small = saved(Image.open(portraits[0]).resize((120, 147)), tmp_path / "small.jpg")
    (copy,) = copied(portraits, tmp_path, {"copy": 0})
    parts = ["train", "val", "train", "test", "val"]
    manifest = rows([*map(str, portraits[:3]), small, copy], [0, 1, 0, 1, 0], parts)
    names, near, notes = distinct_of(manifest)
    assert names == ["000002.jpg", "000003.jpg", "small.jpg", "copy"] and near.tolist() == [[2, 3]]
    assert "1 of these pictures lie in different parts" in notes and "SPLIT=identity" in notes
    assert f"1 of these pictures have different labels: {small} (man) = {copy} (woman)" in notes
