import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.atomic import (
    is_temporary,
    read_json,
    remove_leftovers,
    replacing,
    replacing_folder,
    write_json,
    write_text,
)

NAMES = st.binary(min_size=1, max_size=255).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@given(name=NAMES)
def test_any_name_that_a_disk_takes_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, name: bytes
) -> None:
    path = tmp_path_factory.mktemp("names") / os.fsdecode(name)
    write_text(path, "new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    write_json(path, {"old": 1})
    with pytest.raises(RuntimeError), replacing(path) as new:
        new.write_text("{")
        raise RuntimeError
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_has_the_suffixes_and_lies_beside(tmp_path: Path) -> None:
    with replacing(tmp_path / "best.weights.h5") as new:
        assert new.name.endswith(".weights.h5") and new.parent == tmp_path
        assert is_temporary(new) and not new.exists()
        new.write_bytes(b"")


def test_a_link_is_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "there" / "file.csv", tmp_path / "link.csv"
    write_text(target, "old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink() and target.read_text() == "new"


def test_a_folder_is_replaced_at_once_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    for content in ("old", "new"):
        with replacing_folder(folder) as new:
            (new / "file").write_text(content)
    with pytest.raises(RuntimeError), replacing_folder(folder) as new:
        (new / "file").write_text("broken")
        raise RuntimeError
    assert (folder / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [folder]


def test_writers_at_the_same_time_give_one_whole_file(tmp_path: Path) -> None:
    """Also two machines on a shared folder, whose processes may have the same number."""
    code = (
        "import os, sys; from pathlib import Path; os.getpid = lambda: 1\n"
        "from data.atomic import write_text\n"
        "for _ in range(40): write_text(Path(sys.argv[1]), sys.argv[2] * 50_000)"
    )
    path = tmp_path / "shared.txt"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "abc"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            text = path.read_text()
            seen.add((text[:1], len(text), len(set(text))))
    assert all(writer.wait() == 0 for writer in writers)
    assert seen <= {(letter, 50_000, 1) for letter in "abc"} and seen
    assert list(tmp_path.iterdir()) == [path]


def test_only_old_leftovers_go(tmp_path: Path) -> None:
    old, young = (tmp_path / f".tmp-{age}-file" for age in ("old", "young"))
    folder, mine = tmp_path / ".tmp-old-folder", tmp_path / "file"
    folder.mkdir()
    (folder / "inside").write_text("")
    for path in (old, young, mine):
        path.write_text("")
    long_ago = time.time() - 90_000
    for path in (old, folder, mine):
        os.utime(path, (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, mine])
