"""Image stores of many rows: made in shards, by several processes, and gone on with."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import DataError, FaceSearch, ImageStore, NoFaceError, build, decode, reopen, to_square
from data.image_shards import digests_of
from data.locks import alone
from data.manifest import make_manifest
from data.rows import JoinedRows


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty images are four shards."""
    monkeypatch.setattr("data.rows._LEAST_ROWS", 10)


def make(manifest: pd.DataFrame, folder: Path, **options: object) -> ImageStore:
    return build(manifest, 16, "stretch", folder, workers=2, **options)  # type: ignore[arg-type]


def squares_of(store: ImageStore) -> np.ndarray:
    return np.stack([to_square(decode(Path(path)), 16) for path in store.manifest["path"]])


def names_in(folder: Path) -> list[str]:
    names = (path.name for path in folder.glob("*/*"))
    return sorted(name for name in names if not name.endswith(".lock"))


KINDS = ("digests", "json", "npy", "sources")
SHARDS = [f"images-{n:02d}.{kind}" for n in range(4) for kind in KINDS]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were decoded."""
    names: list[str] = []

    def counted(path: Path) -> object:
        names.append(path.name)
        return decode(path)

    monkeypatch.setattr("data.image_shards.decode", counted)
    return names


def test_shards_are_read_as_one_array(folder_manifest: pd.DataFrame, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    store = make(folder_manifest, tmp_path / "s", progress=lambda *done: seen.append(done))
    assert names_in(tmp_path / "s") == [*SHARDS, "store.json"]
    assert isinstance(store.images, JoinedRows) and store.images.shape == (40, 16, 16, 3)
    assert seen == [(done, 40) for done in range(1, 41)]
    np.testing.assert_array_equal(store.images, squares_of(store))
    assert store.digests.tolist() == digests_of(store.images).tolist()
    again = reopen(store.manifest, 16, "stretch", tmp_path / "s", store.fingerprint)
    assert again is not None and np.array_equal(again.images, store.images)
    assert again.digests.tolist() == store.digests.tolist()


def test_what_is_left_out_is_counted_over_all_shards(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    for row in (12, 13):
        Path(folder_manifest["path"][row]).write_text("no image")
    for _ in range(2):
        store = make(folder_manifest, tmp_path / "s")
        assert [Path(path).name for path, _ in store.broken] == ["12.png", "13.png"]
        np.testing.assert_array_equal(store.images, squares_of(store))
    Path(folder_manifest["path"][35]).write_text("no image")
    with pytest.raises(DataError, match="3 of 40 images are broken"):
        make(folder_manifest, tmp_path / "s")


def test_a_shard_may_hold_no_image_at_all(
    folder_manifest: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.rows._LEAST_ROWS", 1)
    for row in (0, 39):
        Path(folder_manifest["path"][row]).write_text("no image")
    store = make(folder_manifest, tmp_path / "s")
    assert len(store.images) == len(store.digests) == 38
    np.testing.assert_array_equal(store.images, squares_of(store))


def test_an_interrupted_build_goes_on(
    folder_manifest: pd.DataFrame, tmp_path: Path, decoded: list[str]
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(folder_manifest, tmp_path / "s", progress=interrupt)
    assert names_in(tmp_path / "s") == SHARDS[:8]
    decoded.clear()
    seen: list[int] = []
    store = make(folder_manifest, tmp_path / "s", progress=lambda done, _: seen.append(done))
    assert sorted(decoded) == [f"{row:02d}.png" for row in range(20, 40)]
    assert seen == list(range(21, 41))
    np.testing.assert_array_equal(store.images, squares_of(store))


def test_an_interrupted_search_for_faces_goes_on(
    folder_manifest: pd.DataFrame, tmp_path: Path
) -> None:
    searched: list[str] = []

    def cut_out(path: Path, size: int) -> np.ndarray:
        searched.append(path.name)
        if path.name == "03.png":
            raise NoFaceError("no face found")
        return np.full((size, size, 3), 7, np.uint8)

    def interrupt(done: int, total: int) -> None:
        if done == 15:
            raise KeyboardInterrupt

    search = FaceSearch(cut_out, "sevens", np.ones(40, bool))
    with pytest.raises(KeyboardInterrupt):
        make(folder_manifest, tmp_path / "s", search=search, progress=interrupt)
    searched.clear()
    store = make(folder_manifest, tmp_path / "s", search=search)
    assert sorted(searched) == [f"{row:02d}.png" for row in range(10, 40)]
    assert store.faceless == 1 and len(store.images) == 39


@pytest.mark.parametrize("harm", ["cut", "gone", "garbled", "no facts"])
def test_a_damaged_shard_alone_is_made_again(
    harm: str, folder_manifest: pd.DataFrame, tmp_path: Path, decoded: list[str]
) -> None:
    make(folder_manifest, tmp_path / "s")
    (store,) = (tmp_path / "s").glob("*/store.json")
    shard = store.with_name("images-02.npy")
    if harm == "no facts":
        store.unlink()
        shard.with_suffix(".json").unlink()
    elif harm == "gone":
        shard.unlink()
    else:
        content = shard.read_bytes()
        shard.write_bytes(content[:-1] if harm == "cut" else b"not an array" + content[12:])
    decoded.clear()
    again = make(folder_manifest, tmp_path / "s")
    lost = range(0) if harm == "no facts" else range(20, 30)  # sound images are copied
    assert sorted(decoded) == [f"{row:02d}.png" for row in lost]
    np.testing.assert_array_equal(again.images, squares_of(again))


def test_a_store_from_before_shards_is_opened(
    folder_manifest: pd.DataFrame,
    tmp_path: Path,
    decoded: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it was written: one array for all rows, and a record that counts no parts."""
    Path(folder_manifest["path"][7]).write_text("no image")
    with monkeypatch.context() as patch:
        patch.setattr("data.rows._LEAST_ROWS", 1000)
        first = make(folder_manifest, tmp_path / "s")
    (folder,) = (tmp_path / "s").iterdir()
    for name in ("images.json", "images.digests"):
        (folder / name).unlink()
    (folder / "store.json").write_text('{"broken": {"7": "not an image"}, "faceless": {}}')
    decoded.clear()
    again = make(folder_manifest, tmp_path / "s")
    opened = reopen(again.manifest, 16, "stretch", tmp_path / "s", again.fingerprint)
    assert decoded == [] and isinstance(again.images, np.memmap) and opened is not None
    assert np.array_equal(again.images, first.images) and np.array_equal(
        opened.images, first.images
    )
    assert again.digests.tolist() == digests_of(first.images).tolist()


def test_a_shard_that_another_process_makes_is_left_to_the_end(
    folder_manifest: pd.DataFrame, tmp_path: Path, decoded: list[str]
) -> None:
    """While the first shard is locked the others are made; its lock goes with the last of them."""
    store = make(folder_manifest, tmp_path / "s")
    (folder,) = (tmp_path / "s").iterdir()
    for path in (*folder.glob("images*"), folder / "store.json"):
        path.unlink()
    decoded.clear()
    lock = alone(folder / "images-00")
    lock.__enter__()

    def let_go(done: int, total: int) -> None:
        if done == 30:
            lock.__exit__(None, None, None)

    make(folder_manifest, tmp_path / "s", progress=let_go)
    order = [f"{row:02d}.png" for row in (*range(10, 40), *range(10))]
    assert [sorted(decoded[:30]), sorted(decoded[30:])] == [order[:30], order[30:]]
    np.testing.assert_array_equal(store.images, squares_of(store))


PROGRAM = """
import sys
from pathlib import Path
import pandas as pd
from data import build, image_shards, rows
from data.manifest import make_manifest
image_shards._MANY, rows._LEAST_ROWS = 20, 10
names = Path(sys.argv[1]).read_text().split()
manifest = make_manifest(names, pd.Series([0, 1] * (len(names) // 2)))
def show(*done):
    print(*done, flush=True)
build(manifest, 16, "stretch", Path(sys.argv[2]), workers=2, progress=show)
"""


def start(names: Path, folder: Path) -> subprocess.Popen[str]:
    """A program without a guard for its main module, as a user writes it."""
    call = [sys.executable, "-c", PROGRAM, names, folder]
    return subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.fixture
def names(folder_manifest: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "names"
    path.write_text("\n".join(folder_manifest["path"]))
    return path


def manifest_in(names: Path) -> pd.DataFrame:
    return make_manifest(names.read_text().split(), pd.Series([0, 1] * 20))


def test_processes_make_what_threads_make(names: Path, tmp_path: Path) -> None:
    out, errors = start(names, tmp_path / "s").communicate()
    assert out.split("\n")[-2] == "40 40" and errors == ""
    store = make(manifest_in(names), tmp_path / "s")
    assert names_in(tmp_path / "s") == [*SHARDS, "store.json"]
    np.testing.assert_array_equal(store.images, squares_of(store))


@pytest.mark.parametrize("killed_by", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_program_and_its_processes_go_on(
    names: Path, tmp_path: Path, decoded: list[str], killed_by: int
) -> None:
    program = start(names, tmp_path / "s")
    assert program.stdout is not None
    program.stdout.readline()
    os.killpg(program.pid, killed_by)
    program.communicate()
    whole = len(list((tmp_path / "s").glob("*/images-*.json")))
    started = time.time()
    store = make(manifest_in(names), tmp_path / "s")
    assert time.time() - started < 30 and len(decoded) <= 40 - 10 * whole and whole >= 1
    np.testing.assert_array_equal(store.images, squares_of(store))


def test_decoding_processes_end_with_their_program(names: Path, tmp_path: Path) -> None:
    program = start(names, tmp_path / "s")
    assert program.stdout is not None
    program.stdout.readline()
    program.kill()
    program.wait()
    until = time.time() + 20
    while processes_of_group(program.pid) and time.time() < until:
        time.sleep(0.1)
    left = processes_of_group(program.pid)
    if left:
        os.killpg(program.pid, signal.SIGKILL)
    assert left == []


def processes_of_group(group: int) -> list[str]:
    """Programs of a process group that still run."""
    listed = subprocess.run(
        ["ps", "-eo", "pgid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in listed if line.split()[0] == str(group) and "defunct" not in line]
