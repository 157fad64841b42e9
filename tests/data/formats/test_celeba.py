from collections.abc import Callable
from pathlib import Path

import pytest
from small_data_sets import MALE, NAMES, Picture, celeba_csv, labels_and_notes, write_images

from data import DataError, attributes, load


def celeba_txt(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{n}  1 {m:2d}\r\n" for n, m in zip(NAMES, MALE, strict=True))
    (root / "list_attr_celeba.txt").write_text(f"{len(NAMES)}\r\nEyeglasses Male \r\n{rows}")


def identities(path: Path) -> None:
    path.write_text("".join(f"{name} {2880 + i // 2}\n" for i, name in enumerate(NAMES)))


def partition(path: Path, parts: list[int], header: bool = True) -> None:
    lines = [f"{name},{part}" for name, part in zip(NAMES, parts, strict=False)]
    text = "\n".join(["image_id,partition", *lines] if header else lines)
    path.write_text(text if path.suffix == ".csv" else text.replace(",", " "))


@pytest.mark.parametrize("write_table", [celeba_csv, celeba_txt])
@pytest.mark.parametrize("nested", ["img_align_celeba", "img_align_celeba/img_align_celeba"])
def test_celeba_tables_and_folders(
    tmp_path: Path, picture: Picture, write_table: Callable[[Path], None], nested: str
) -> None:
    root = tmp_path / "celeba"
    write_table(root)
    identities(root / "identity_CelebA.txt")
    write_images(root / nested, picture)
    for path in (root, tmp_path, root / nested, next(root.glob("list_attr*"))):
        dataset = load(path)
        assert dataset.name == "CelebA" and not dataset.synthetic
        assert dataset.root == root
        assert dataset.manifest["label"].tolist() == [1, 0, 1, 0, 1, 0]
        assert dataset.manifest["label"].dtype == "int8"
        assert dataset.manifest["identity"].tolist() == [str(2880 + i // 2) for i in range(6)]
        assert attributes(dataset.manifest) == ["Eyeglasses"]
        assert dataset.manifest["Eyeglasses"].all()
        assert all(Path(path).is_file() for path in dataset.manifest["path"])


def test_celeba_as_first_published(tmp_path: Path, picture: Picture) -> None:
    for folder in ("Anno", "Eval"):
        (tmp_path / folder).mkdir()
    celeba_txt(tmp_path / "Anno")
    partition(tmp_path / "Eval" / "list_eval_partition.txt", [0, 0, 1, 1, 2, 2], header=False)
    write_images(tmp_path / "Img" / "img_align_celeba", picture)
    dataset = load(tmp_path)
    assert dataset.manifest["split"].tolist() == ["train", "train", "val", "val", "test", "test"]
    assert dataset.manifest["identity"].isna().all()
    assert any("identity_CelebA" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("parts", "reason"), [([0] * 6, "only train"), ([0, 0, 1, 1, 2], "leaves out 1 of 6")]
)
def test_celeba_partial_partition_is_not_used(
    tmp_path: Path, picture: Picture, parts: list[int], reason: str
) -> None:
    celeba_csv(tmp_path)
    partition(tmp_path / "list_eval_partition.csv", parts)
    write_images(tmp_path / "img_align_celeba", picture)
    dataset = load(tmp_path)
    assert dataset.manifest["split"].isna().all()
    assert any(reason in note for note in dataset.notes)


def test_celeba_rows_without_image_and_images_without_row(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    write_images(tmp_path / "img_align_celeba", picture, [*NAMES[1:4], "999999.jpg"])
    dataset = load(tmp_path)
    assert [Path(path).name for path in dataset.manifest["path"]] == NAMES[1:4]
    assert dataset.manifest.index.tolist() == [0, 1, 2]
    assert any(note.startswith("3 rows") for note in dataset.notes)
    assert any(note.startswith("1 images") for note in dataset.notes)


def test_celeba_without_images_or_label(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    with pytest.raises(DataError, match="no images in img_align_celeba"):
        load(tmp_path)
    write_images(tmp_path / "img_align_celeba", picture)
    (tmp_path / "list_attr_celeba.csv").write_text("image_id\n000001.jpg\n")
    with pytest.raises(DataError, match="no column 'Male', nor any other"):
        load(tmp_path)
    (tmp_path / "list_attr_celeba.csv").write_text("image_id,Male\n000001.jpg,yes\n")
    with pytest.raises(DataError, match="must be 1 or -1"):
        load(tmp_path)


def test_undefined_attributes_and_labels_in_celebas_layout(
    tmp_path: Path, picture: Picture
) -> None:
    write_images(tmp_path / "img_align_celeba", picture)
    lines = ["image_id,Hat,Smiling,Male", *(f"{n},{h},1,{m}" for n, h, m in zip(
        NAMES, [1, 0, -1, 1, 1, 1], [1, -1, 0, 1, -1, ""], strict=True))]  # fmt: skip
    (tmp_path / "list_attr_celeba.csv").write_text("\n".join([*lines, lines[1]]))
    found, notes = labels_and_notes(tmp_path)
    assert list(found.values()) == [1, 0, 1, 0]
    assert attributes(load(tmp_path).manifest) == ["Smiling"]
    for note in ("0 (1) in column 'Male': undefined", "Hat", "1 rows of the attribute table are "
                 "incomplete", "1 rows of the attribute table repeat"):  # fmt: skip
        assert note in notes


def test_images_without_row_are_told_by_place_whatever_link_leads_there(
    tmp_path: Path, picture: Picture
) -> None:
    real = tmp_path / "real"
    write_images(real, picture, ["a.jpg", "b.jpg", "c.jpg"])
    (tmp_path / "way").symlink_to(real)
    (tmp_path / "t.csv").write_text("file,sex\nway/a.jpg,f\nway/b.jpg,m\n")
    assert load(tmp_path).notes == ("1 images have no row in the table: in real (1)",)
