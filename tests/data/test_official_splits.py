"""`SPLIT=official`: the parts that CelebA and FairFace were published with."""

from pathlib import Path

import pandas as pd
import pytest
from small_data_sets import Picture, manifest_of, saved, write_images

from data import (
    DataError,
    Dataset,
    find_copies,
    hash_files,
    join,
    load,
    parts_of,
    sample,
    sample_each,
    split_each,
    with_copies,
)
from data.images import decode
from data.splits import official
from data.synthetic.writing import MARKER, generate

PARTS = {"train": 0, "val": 1, "test": 2}
PUBLISHED = [("train", "train", "train", "val", "test")[row // 3 % 5] for row in range(60)]


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Sixty drawn portraits in CelebA's layout, of twenty people, as if they were CelebA's."""
    root = generate(tmp_path / "celeba", 60)
    (root / MARKER).unlink()
    return root


def publish(root: Path, parts: list[str], suffix: str = ".txt") -> pd.Series:
    """Write CelebA's partition; the part of each image by its name."""
    names = [f"{number:06d}.jpg" for number in range(1, len(parts) + 1)]
    separator, head = (",", "image_id,partition\n") if suffix == ".csv" else (" ", "")
    rows = (f"{name}{separator}{PARTS[part]}\n" for name, part in zip(names, parts, strict=True))
    (root / f"list_eval_partition{suffix}").write_text(head + "".join(rows))
    return pd.Series(parts, index=names)


def parts_by_name(dataset: Dataset) -> pd.Series:
    names = dataset.manifest["path"].map(lambda path: Path(path).name)
    return pd.Series(dataset.manifest["split"].astype(object).tolist(), index=names.tolist())


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_celeba_s_partition_is_kept_as_it_is(celeba: Path, suffix: str) -> None:
    given = publish(celeba, PUBLISHED, suffix)
    dataset = load(celeba, split="official")
    assert dataset.name == "CelebA"
    assert parts_by_name(dataset).to_dict() == given.to_dict()
    assert dataset.notes[-1] == (
        "SPLIT=official: the published parts are kept: train 36, val 12, test 12"
    )
    [kept] = split_each(parts_of(dataset), seed=7)
    assert kept.manifest["split"].equals(dataset.manifest["split"]) and not kept.dealt


def test_people_and_copies_in_two_parts_stay_there_and_are_counted(celeba: Path) -> None:
    images = celeba / "img_align_celeba"
    parts = ["train", "val", "test"] * 20  # every person has three images in a row
    publish(celeba, parts)
    (images / "000003.jpg").write_bytes((images / "000001.jpg").read_bytes())
    saved(decode(images / "000004.jpg").resize((90, 110)), images / "000006.jpg")
    dataset = load(celeba, split="official")
    assert dataset.notes[-1].startswith("20 of 20 people are in several parts of the given split")
    copies = find_copies(hash_files(dataset.manifest["path"].tolist()))
    kept = with_copies(dataset.manifest, copies)
    assert kept.manifest.equals(dataset.manifest) and kept.near.shape == (0, 2)
    assert kept.notes[0] == (
        "kept in their official parts: 2 copies, byte for byte, of 1 images; 1 of them in several "
        "parts, so that test figures come out too good"
    )
    assert kept.notes[1].startswith("2 images look like another one")
    assert kept.notes[2].startswith("1 of these pictures lie in different parts")


def test_without_copies_nothing_is_said_of_them(celeba: Path) -> None:
    publish(celeba, PUBLISHED)
    manifest = load(celeba, split="official").manifest
    assert with_copies(manifest, find_copies(hash_files(manifest["path"].tolist()))).notes == ()


def test_copies_of_two_labels_are_kept_and_shown(celeba: Path) -> None:
    images = celeba / "img_align_celeba"
    publish(celeba, PUBLISHED)
    whole = load(celeba, split="official").manifest
    woman, man = (whole.index[whole["label"] == code][0] for code in (0, 1))
    first, second = whole["path"][[woman, man]]
    Path(second).write_bytes(Path(first).read_bytes())
    notes = with_copies(whole, find_copies(hash_files(whole["path"].tolist()))).notes
    assert "2 copies, byte for byte, of 1 images" in notes[0] and "several parts" not in notes[0]
    assert notes[1].startswith("1 of these images have different labels: ")
    assert f"{first} (woman)" in notes[1] and str(images) in notes[1]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["train"] * 60, "has only train, and train and a part to test on are needed"),
        (["val"] * 30 + ["test"] * 30, "has only val, test, and train"),
        (["train"] * 30 + ["test"] * 20, "leaves out 10 of 60 images. Get the whole data set"),
        ([], "it has no parts of its own"),
    ],
)
def test_what_is_missing_of_official_parts_is_one_line(
    celeba: Path, parts: list[str], message: str
) -> None:
    if parts:
        publish(celeba, parts)
    with pytest.raises(DataError) as raised:
        load(celeba, split="official")
    assert str(raised.value).startswith(f"{celeba}: SPLIT=official: ")
    assert message in str(raised.value) and "or leave SPLIT out" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert load(celeba).manifest["split"].isna().all()  # as before


def fairface(root: Path, picture: Picture, train: int = 40, val: int = 8) -> Path:
    header = "file,age,gender,race,service_test\n"
    for part, count in (("train", train), ("val", val)):
        names = [f"{part}/{number}.jpg" for number in range(1, count + 1)]
        write_images(root, picture, names)
        rows = (
            f"{name},20-29,{('Male', 'Female')[number % 2]},{('White', 'Black')[number // 2 % 2]},"
            "True\n"
            for number, name in enumerate(names)
        )
        (root / f"fairface_label_{part}.csv").write_text(header + "".join(rows))
    return root


def test_fairface_is_tested_on_its_val_and_validated_on_a_share_of_train(
    tmp_path: Path, picture: Picture
) -> None:
    root = fairface(tmp_path, picture)
    dataset = load(root, split="official")
    parts = dataset.manifest["split"]
    published = dataset.manifest["path"].map(lambda path: Path(path).parent.name)
    assert (parts[published == "val"] == "test").all()
    assert parts[published == "train"].value_counts().to_dict() == {"train": 34, "val": 6}
    assert (
        "the published validation part is tested on, as in papers, and a share"
        in (dataset.notes[-1])
    )
    validation = dataset.manifest[parts == "val"]
    assert validation["label"].tolist().count(0) == 3
    for label in ("race", "race,gender"):
        assert load(root, split="official", label=label).manifest["split"].equals(parts)


def test_fairface_with_one_table_has_nothing_to_test_on(tmp_path: Path, picture: Picture) -> None:
    root = fairface(tmp_path, picture)
    (root / "fairface_label_val.csv").unlink()
    with pytest.raises(DataError, match="has only train"):
        load(root, split="official")


def test_no_person_is_in_train_and_the_validation_that_is_taken_from_it() -> None:
    people = [str(row // 4) for row in range(80)] + [str(row) for row in range(90, 100)]
    manifest = manifest_of([row // 4 % 2 for row in range(80)] + [0, 1] * 5, people,
                           ["train"] * 80 + ["test"] * 10)  # fmt: skip
    kept = official(Dataset("CSV table", Path("/x"), manifest)).manifest
    assert kept["split"].tolist()[80:] == ["test"] * 10
    assert (kept.groupby("identity")["split"].nunique() == 1).all()
    assert 8 <= (kept["split"] == "val").sum() <= 16


def test_a_sample_is_drawn_within_each_part(celeba: Path) -> None:
    given = publish(celeba, PUBLISHED)
    drawn = sample(load(celeba, split="official").manifest, 40)
    assert drawn["split"].value_counts().to_dict() == {"train": 30, "val": 10, "test": 12}
    names = drawn["path"].map(lambda path: Path(path).name)
    assert drawn["split"].tolist() == given[names].tolist()


def test_each_of_several_data_sets_keeps_its_own(
    celeba: Path, tmp_path: Path, picture: Picture
) -> None:
    publish(celeba, PUBLISHED)
    root = fairface(tmp_path / "fairface", picture)
    whole = join([load(path, split="official") for path in (celeba, root)])
    manifest = sample_each(split_each(parts_of(whole), seed=3), None, "natural", seed=3)
    assert manifest["split"].tolist() == whole.manifest["split"].tolist()
    few = sample_each(split_each(parts_of(whole), seed=3), 24, "natural", seed=3, tested=None)
    assert (few["split"] == "test").sum() == 20 and (few["split"] != "test").sum() == 24
    counts = manifest.groupby(["dataset", "split"]).size()
    assert counts["CelebA"].to_dict() == {"test": 12, "train": 36, "val": 12}
    assert counts["FairFace"].to_dict() == {"test": 8, "train": 34, "val": 6}
