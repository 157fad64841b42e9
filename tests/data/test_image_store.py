import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import (
    DataError,
    FaceSearch,
    Guess,
    ImageStore,
    NoFaceError,
    build,
    decode,
    reopen,
    to_square,
)

Picture = Callable[..., Path]

STORE = ["images.digests", "images.json", "images.npy", "images.sources", "store.json"]


def files_in(folder: Path) -> list[str]:
    """Names of all files in a folder and below it but the locks."""
    names = (path.name for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.endswith(".lock"))


def make(manifest: pd.DataFrame, folder: Path, **options: object) -> ImageStore:
    return build(manifest, 16, "stretch", folder, workers=2, **options)  # type: ignore[arg-type]


def test_pixels_and_order_are_those_of_the_manifest(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    store = make(folder_manifest, tmp_path / "s", progress=lambda *done: seen.append(done))
    assert store.images.shape == (40, 16, 16, 3)
    assert store.images.dtype == np.uint8
    assert isinstance(store.images, np.memmap) and not store.images.flags.writeable
    assert store.broken == ()
    assert seen == [(done, 40) for done in range(1, 41)]
    for image, path in zip(store.images, store.manifest["path"], strict=True):
        assert np.array_equal(image, to_square(decode(Path(path)), 16))


def test_a_store_is_reused_and_keyed(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    first = make(folder_manifest, tmp_path / "s")
    (array,) = (tmp_path / "s").glob("*/images.npy")
    before = array.stat().st_mtime_ns
    relabeled = folder_manifest.assign(split="train", label=[1, 0] * 20)
    again = make(relabeled, tmp_path / "s")
    assert again.fingerprint == first.fingerprint and len(first.fingerprint) == 64
    assert array.stat().st_mtime_ns == before
    assert again.manifest["label"].tolist() == [1, 0] * 20
    others = [
        build(folder_manifest, 17, "stretch", tmp_path / "s").fingerprint,
        build(folder_manifest, 16, "crop", tmp_path / "s").fingerprint,
        make(folder_manifest[::-1], tmp_path / "s").fingerprint,
    ]
    os.utime(folder_manifest["path"][3], (1, 1))
    others.append(make(folder_manifest, tmp_path / "s").fingerprint)
    assert len({first.fingerprint, *others}) == 5


@pytest.mark.parametrize("harm", ["cut", "emptied", "garbled", "no facts", "bad facts"])
def test_a_damaged_store_is_rebuilt(
    folder_manifest: pd.DataFrame, tmp_path: Path, harm: str
) -> None:
    first = make(folder_manifest, tmp_path / "s")
    wanted = np.array(first.images)
    del first
    (array,) = (tmp_path / "s").glob("*/images.npy")
    facts = array.with_name("store.json")
    if harm == "cut":
        os.truncate(array, array.stat().st_size - 1000)
    elif harm == "emptied":
        array.write_bytes(b"")
    elif harm == "garbled":
        array.write_bytes(b"x" * 10_000)
    elif harm == "no facts":
        facts.unlink()
    else:
        facts.write_text("[1, 2")
    assert np.array_equal(make(folder_manifest, tmp_path / "s").images, wanted)
    assert files_in(tmp_path / "s") == STORE


def test_broken_files_are_listed_and_skipped(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    text, gone = folder_manifest["path"][4], folder_manifest["path"][39]
    Path(text).write_text("no image")
    Path(gone).unlink()
    for _ in range(2):  # Built, then opened.
        store = make(folder_manifest, tmp_path / "s")
        assert [path for path, _ in store.broken] == [text, gone]
        assert "not an image" in store.broken[0][1] and store.broken[1][1] == "no such file"
        assert store.images.shape[0] == 38 == len(store.manifest)
        assert store.manifest.index.tolist() == list(range(38))
        last = to_square(decode(Path(store.manifest["path"][37])), 16)
        assert np.array_equal(store.images[37], last)


def test_too_many_broken_files_are_an_error(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    for path in folder_manifest["path"][:3]:
        Path(path).write_bytes(b"")
    for _ in range(2):
        with pytest.raises(DataError, match=r"3 of 40 images are broken.*00\.png \(empty file"):
            make(folder_manifest, tmp_path / "s")


def test_an_interrupted_build_leaves_nothing(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(folder_manifest, tmp_path / "s", progress=interrupt)
    assert files_in(tmp_path / "s") == []
    assert len(make(folder_manifest, tmp_path / "s").images) == 40


def test_leftovers_of_a_killed_build_are_removed(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    make(folder_manifest, tmp_path / "s")
    (facts,) = (tmp_path / "s").glob("*/store.json")
    facts.unlink()
    old, new = facts.with_name(".tmp-1-images.npy"), facts.with_name(".tmp-2-images.npy")
    for path in (old, new):
        path.write_bytes(b"unfinished")
    os.utime(old, (1, 1))
    make(folder_manifest, tmp_path / "s")
    assert not old.exists() and new.exists()


class Red:
    """Stands for a detector: every face is a red square, but images of some names have none."""

    def __init__(self, *faceless: str) -> None:
        self.faceless = faceless
        self.seen: list[str] = []

    def __call__(self, path: Path, size: int) -> np.ndarray:
        self.seen.append(path.name)
        decode(path)
        if path.name in self.faceless:
            raise NoFaceError("no face found")
        return np.full((size, size, 3), (255, 0, 0), np.uint8)

    def search(self, rows: np.ndarray, version: str = "red 1") -> FaceSearch:
        return FaceSearch(self, version, rows)


FIRST_TEN = np.arange(40) < 10


def is_red(store: ImageStore) -> np.ndarray:
    return (store.images == (255, 0, 0)).all(axis=(1, 2, 3))


def test_faces_are_searched_for_once_and_only_where_asked(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    red = Red()
    first = make(folder_manifest, tmp_path / "s", search=red.search(FIRST_TEN))
    assert sorted(red.seen) == [f"{row:02d}.png" for row in range(10)]
    again = make(folder_manifest, tmp_path / "s", search=red.search(FIRST_TEN))
    assert len(red.seen) == 10 and again.fingerprint == first.fingerprint
    assert is_red(again).tolist() == FIRST_TEN.tolist()
    assert np.array_equal(again.images[10], to_square(decode(Path(again.manifest["path"][10])), 16))


def test_a_store_is_keyed_by_the_search_for_faces(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    red, plain = Red(), make(folder_manifest, tmp_path / "s").fingerprint
    none = make(folder_manifest, tmp_path / "s", search=red.search(FIRST_TEN & False))
    assert none.fingerprint == plain and red.seen == []
    stores = [
        make(folder_manifest, tmp_path / "s", search=search).fingerprint
        for search in (
            red.search(FIRST_TEN), red.search(FIRST_TEN, "red 2"), red.search(~FIRST_TEN)
        )
    ]  # fmt: skip
    assert len({plain, *stores}) == 4 and len(red.seen) == 10 + 10 + 30


def test_images_without_a_face_are_listed_apart_from_broken_ones(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    """Five of 40 show none, more than may be broken; one is broken."""
    (tmp_path / "images" / "07.png").write_text("no image")
    red = Red("00.png", "01.png", "08.png", "02.png", "09.png")
    for _ in range(2):  # built, then opened
        store = make(folder_manifest, tmp_path / "s", search=red.search(FIRST_TEN))
        assert [Path(path).name for path, _ in store.broken] == [
            "00.png", "01.png", "02.png", "07.png", "08.png", "09.png"
        ]  # fmt: skip
        assert [reason for _, reason in store.broken].count("no face found") == store.faceless == 5
        assert len(store.images) == len(store.manifest) == 34
        assert is_red(store).tolist() == [True] * 4 + [False] * 30
    assert len(red.seen) == 10


def test_a_guess_is_used_and_counted(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    """Also of most images, and when the store is opened again."""

    def guess(path: Path, size: int) -> np.ndarray | Guess:
        blue = np.full((size, size, 3), (0, 0, 255), np.uint8)
        return blue if path.name == "03.png" else Guess(blue[:, ::-1], "no face found")

    for _ in range(2):
        store = make(folder_manifest, tmp_path / "s", search=FaceSearch(guess, "1", FIRST_TEN))
        assert (store.guessed, store.faceless, store.broken) == (9, 0, ())
        assert (store.images[:10] == (0, 0, 255)).all() and len(store.images) == 40


def test_images_mostly_without_a_face_are_an_error(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    red = Red(*(f"{row:02d}.png" for row in range(6)))
    for _ in range(2):
        with pytest.raises(
            DataError, match=r"no face .*6 of the 10 .*00\.png \(no face found\)"
        ) as e:
            make(folder_manifest, tmp_path / "s", search=red.search(FIRST_TEN))
        assert "FRAMING=stretch" in str(e.value) and "\n" not in str(e.value)


def test_a_store_is_opened_by_its_fingerprint_when_files_have_changed(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "images" / "07.png").write_text("no image")
    made = make(folder_manifest, tmp_path / "s")
    os.utime(folder_manifest["path"][3], (1, 1))
    facts = (16, "stretch", tmp_path / "s", made.fingerprint)
    opened = reopen(made.manifest, *facts)
    assert opened is not None and np.array_equal(opened.images, made.images)
    assert reopen(made.manifest[1:], *facts) is None
    assert reopen(made.manifest, 17, "stretch", tmp_path / "s", made.fingerprint) is None
    assert reopen(made.manifest, 16, "stretch", tmp_path / "s", "0" * 64) is None


def test_a_store_of_a_version_without_faces_is_opened(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "images" / "07.png").write_text("no image")
    first = make(folder_manifest, tmp_path / "s")
    (facts,) = (tmp_path / "s").glob("*/store.json")
    facts.write_text('{"broken": {"7": "not an image"}}')
    steps: list[int] = []
    again = make(folder_manifest, tmp_path / "s", progress=lambda done, _: steps.append(done))
    assert steps == [] and np.array_equal(again.images, first.images)


BUILD = """
import sys, time
from pathlib import Path
import pandas as pd
from data import build, locks
from data.manifest import make_manifest
paths, folder, start = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
if sys.argv[4] == "no locks":
    locks.FileLock.acquire = lambda *_, **__: (_ for _ in ()).throw(OSError("no locks here"))
steps = []
def slowly(done, total):
    steps.append(done)
    time.sleep(0.01)
names = Path(paths).read_text().split()
time.sleep(max(0, start - time.time()))
manifest = make_manifest(names, pd.Series([0, 1] * (len(names) // 2)))
store = build(manifest, 16, "stretch", folder, workers=1, progress=slowly)
print(len(steps), int((store.images.reshape(len(store.images), -1).max(axis=1) == 0).sum()))
"""


@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_two_processes_build_one_store(
    folder_manifest: pd.DataFrame, tmp_path: Path, locks: str
) -> None:
    names = tmp_path / "names"
    names.write_text("\n".join(folder_manifest["path"]))
    call = [sys.executable, "-c", BUILD, names, tmp_path / "s", str(time.time() + 2), locks]
    processes = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = sorted(process.communicate()[0].split() for process in processes)
    assert told == ([["1", "0"], ["40", "0"]] if locks == "locks" else [["40", "0"]] * 2)
    store = make(folder_manifest, tmp_path / "s")
    for image, path in zip(store.images, store.manifest["path"], strict=True):
        assert np.array_equal(image, to_square(decode(Path(path)), 16))
    assert files_in(tmp_path / "s") == STORE
