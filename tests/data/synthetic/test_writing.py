import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from data import DataError, attributes, label_conflicts, load, split
from data.synthetic.writing import generate


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("set") / "faces", count=60, seed=5)


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "img_align_celeba").iterdir()}


def test_a_set_is_a_celeba_copy_marked_synthetic(portraits: Path) -> None:
    dataset = load(portraits)
    assert dataset.synthetic and dataset.name == "synthetic portraits"
    manifest = dataset.manifest
    assert len(manifest) == 60 and manifest["label"].sum() == 27
    assert manifest["identity"].nunique() == 20
    assert label_conflicts(manifest).empty
    assert {"Eyeglasses", "Smiling", "Young", "Wearing_Hat"} <= set(attributes(manifest))
    sizes = {Image.open(path).size for path in manifest["path"]}
    assert sizes == {(178, 218)}
    assert set(split(manifest)["split"]) == {"train", "val", "test"}


def test_the_seed_repeats_a_set_and_changes_it(portraits: Path, tmp_path: Path) -> None:
    again = generate(tmp_path / "again", count=60, seed=5)
    assert pixels(again) == pixels(portraits)
    other = generate(tmp_path / "other", count=6, seed=6)
    assert pixels(other)["000001.jpg"] != pixels(portraits)["000001.jpg"]


def test_a_complete_set_is_reused_and_another_replaced(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    folder = tmp_path / "faces"
    for count, seed, drawn in ((6, 0, 6), (6, 0, 0), (6, 1, 6), (9, 1, 9)):
        calls.clear()
        generate(folder, count, seed, lambda *done: calls.append(done))
        assert len(calls) == drawn
        assert json.loads((folder / "synthetic.json").read_text())["count"] == count
    (folder / "img_align_celeba" / "000002.jpg").unlink()
    generate(folder, 9, 1)
    assert len(pixels(folder)) == 9
    assert sorted(path.name for path in tmp_path.iterdir()) == [".faces.lock", "faces"]


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(DataError, match="which is not replaced"):
        generate(tmp_path, 6)
    with pytest.raises(DataError, match="count=3"):
        generate(tmp_path / "few", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_an_interrupted_set_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "faces", 6, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == [".faces.lock"]


DRAW = """
import sys
from pathlib import Path
from data.synthetic import generate
drawn = []
generate(Path(sys.argv[1]), 30, progress=lambda done, total: drawn.append(done))
print(len(drawn))
"""


def test_two_processes_draw_one_set(tmp_path: Path) -> None:
    call = [sys.executable, "-c", DRAW, str(tmp_path / "faces")]
    processes = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(int(process.communicate()[0]) for process in processes) == [0, 30]
    assert len(load(tmp_path / "faces").manifest) == 30
    assert sorted(path.name for path in tmp_path.iterdir()) == [".faces.lock", "faces"]


def test_a_file_laid_beside_the_portraits_is_not_lost(tmp_path: Path) -> None:
    folder = generate(tmp_path / "drawn", 6, seed=0)
    (folder / "notes.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"holds notes\.txt, which is not replaced"):
        generate(folder, 6, seed=1)
    assert (folder / "notes.txt").read_text() == "years of work"
    assert generate(folder, 6, seed=0) == folder
