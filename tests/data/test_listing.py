from collections import Counter
from pathlib import Path

from small_data_sets import Picture

from data import load
from data.formats import unused
from data.listing import Listing


def test_the_package_that_reads_a_phones_pictures_is_named(tmp_path: Path) -> None:
    listing = Listing(other_kinds=Counter(heic=2, dng=1))
    (note,) = unused.unused(tmp_path, listing, [], "have no row")
    assert ".heic (install the package pillow-heif" in note and ".dng (convert them" in note


def test_links_are_followed_once_and_never_into_another_class(
    tmp_path: Path, picture: Picture
) -> None:
    faces, elsewhere = tmp_path / "faces", tmp_path / "elsewhere"
    for name in ("man", "woman"):
        for i in range(3):
            picture(faces / name / f"{i}.png", i)
    picture(elsewhere / "linked.png")
    for hidden in (".thumbs", "@eaDir", "#recycle"):
        picture(faces / "man" / hidden / "small.png")
    (faces / "man" / "up").symlink_to(faces)
    (faces / "woman" / "more").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(elsewhere)
    rows = load(faces).manifest
    assert {"/".join(Path(path).parts[-2:]): label for path, label in
            zip(rows["path"], rows["label"], strict=True)} == {
        "man/0.png": 1, "man/1.png": 1, "man/2.png": 1,
        "woman/0.png": 0, "woman/1.png": 0, "woman/2.png": 0, "more/linked.png": 0,
    }  # fmt: skip
