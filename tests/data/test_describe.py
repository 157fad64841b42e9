import json
import os
from pathlib import Path

import pytest
from PIL import Image
from small_data_sets import Picture
from typer.testing import CliRunner

from data import images, load
from data.__main__ import app
from data.describe import describe
from data.synthetic.writing import generate


def test_describe_counts(classes: Path) -> None:
    done: list[tuple[int, int]] = []
    facts = describe(load(classes), progress=lambda *step: done.append(step))
    assert facts.images == facts.opened == 4
    assert facts.labels == {"woman": 2, "man": 2}
    assert facts.sizes == {"12x16": 2, "20x16": 1}
    assert [(Path(path).name, why[:12]) for path, why in facts.unreadable] == [
        ("c.png", "not an image")
    ]
    assert facts.duplicates == ((str(classes / "man/a.png"), str(classes / "woman/a.png")),)
    assert facts.duplicates_disagreeing == 1
    man, woman = facts.duplicates[0]
    assert facts.contradictions == (((man, "man"), (woman, "woman")),)
    assert facts.split == {} and facts.identities == 0
    assert done == [(i, 4) for i in range(1, 5)]


def test_a_jpeg_is_decoded_once_and_not_at_all_when_its_hash_is_known(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("man", "woman"):
        picture(tmp_path / "faces" / label / "a.jpg", len(label))
    dataset, cache = load(tmp_path / "faces"), tmp_path / "hashes.npz"
    decoded: list[Image.Image] = []
    to_rgb = images._to_rgb
    monkeypatch.setattr(images, "_to_rgb", lambda image: decoded.append(image) or to_rgb(image))
    first = describe(dataset, cache=cache)
    assert (first.sizes, len(decoded)) == ({"12x16": 2}, 2)
    assert describe(dataset, cache=cache) == first
    assert len(decoded) == 2


def test_describe_parts_and_conflicts(tmp_path: Path, picture: Picture) -> None:
    lines = ["path,sex,identity,split"]
    for i, (sex, part) in enumerate(
        zip("mmfff", ("train", "train", "train", "val", "test"), strict=True)
    ):
        picture(tmp_path / f"{i}.png", i)
        lines.append(f"{i}.png,{sex},{'a' if i < 3 else 'b'},{part}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    facts = describe(load(tmp_path), limit=2)
    assert facts.opened == 2
    assert facts.identities == 2
    assert facts.split["train"] == {"woman": 1, "man": 2}
    assert facts.conflicts == ((str(tmp_path / "2.png"), "woman", "a"),)


def test_identical_files_by_the_thousand_take_a_few_lines(tmp_path: Path, picture: Picture) -> None:
    faces = tmp_path / "faces"
    for seed, count in enumerate((400, *[2] * 8)):
        first = picture(faces / "man" / f"{seed}.png", seed)
        for copy in range(count - 1):
            os.link(first, faces / "man" / f"{seed}-{copy}.png")
    picture(faces / "woman" / "w.png", 99)
    shown = CliRunner().invoke(app, ["describe", str(faces)])
    assert "407 copies, byte for byte, of 9 images" in " ".join(shown.stdout.split())
    assert "and 397 more" in shown.stdout and "and 4 more (all of them with --json)" in shown.stdout
    assert len(shown.stdout) < 5000
    facts = json.loads(CliRunner().invoke(app, ["describe", str(faces), "--json"]).stdout)
    assert [len(group) for group in facts["duplicates"]] == [400, *[2] * 8]


def test_copies_in_several_parts_and_look_alikes_are_counted(
    tmp_path: Path, picture: Picture
) -> None:
    portraits = generate(tmp_path / "drawn", 6) / "img_align_celeba"
    faces = tmp_path / "faces"
    for i, part in enumerate(("train", "val", "test")):
        for label, number in (("man", 1), ("woman", 2 + i)):
            (faces / part / label).mkdir(parents=True)
            source = portraits / f"{number:06d}.jpg"
            (faces / part / label / "a.jpg").write_bytes(source.read_bytes())
    with Image.open(portraits / "000002.jpg") as image:
        image.resize((90, 110)).save(faces / "test" / "man" / "small.jpg")
    facts = describe(load(faces))
    assert (facts.duplicates_across_parts, facts.duplicates_disagreeing) == (1, 0)
    assert [Path(path).name for pair in facts.near_duplicates for path in pair] == [
        "small.jpg", "a.jpg",
    ]  # fmt: skip
    assert (facts.near_duplicates_disagreeing, facts.near_duplicates_across_parts) == (1, 1)


@pytest.mark.skipif("DATA" not in os.environ, reason="DATA names no data set")
def test_the_data_set_at_hand() -> None:
    facts = describe(load(os.environ["DATA"]), limit=50)
    assert facts.opened == 50
    assert len(facts.unreadable) <= 2
