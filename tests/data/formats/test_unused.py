import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data_sets import Picture, labels_and_notes

from data.formats import unused
from data.listing import Listing


def test_nothing_that_is_not_used_goes_unmentioned(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("man/a.png", "woman/b.png", "child/c.png", "d.png"):
        picture(tmp_path / place)
    for name in ("IMG_1.NEF", "IMG_2.nef", "raw.DNG"):
        (tmp_path / "man" / name).write_bytes(b"camera")
    closed = tmp_path / "man" / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(folder: str | Path) -> object:
        if str(folder) == str(closed):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    notes = labels_and_notes(tmp_path)[1]
    assert "2 images are left out, in no folder of a class: in child (1), . (1)" in notes
    assert "3 pictures of kinds that are not read: 2 .nef (convert them" in notes
    assert f"1 folders cannot be opened: {closed}: Permission denied" in notes


@given(st.lists(st.sampled_from("abcdef"), max_size=6), st.sets(st.sampled_from("abcdef")))
def test_unused_is_what_is_listed_and_not_used(there: list[str], used: set[str]) -> None:
    listing = Listing(images=[f"/no/such/{name}.png" for name in there])
    paths = [f"/no/such/{name}.png" for name in used]
    extra = unused.unused_images(listing, paths)
    assert extra == [path for path in listing.images if path not in paths]
