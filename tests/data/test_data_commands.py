import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from data import DataError, images, load
from data.__main__ import app
from data.describe import describe
from data.fetch import HANDLE, fetch
from data.synthetic.writing import generate

Picture = Callable[..., Path]


@pytest.fixture
def classes(tmp_path: Path, picture: Picture) -> Path:
    """Four images: a duplicate pair with different labels, a wider one, a broken one."""
    root = tmp_path / "faces"
    picture(root / "man" / "a.png", 1)
    picture(root / "woman" / "a.png", 1)
    picture(root / "woman" / "b.png", 2, (20, 16))
    (root / "man" / "c.png").write_text("text")
    return root


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


def test_describe_command(classes: Path) -> None:
    shown = CliRunner().invoke(app, ["describe", str(classes)])
    assert shown.exit_code == 0
    for text in ("folder per class", "woman 2 (50.0%)", "12x16 (2)", "c.png: not an image"):
        assert text in shown.stdout
    man, woman = classes / "man" / "a.png", classes / "woman" / "a.png"
    assert f"{man} (man) = {woman} (woman)" in shown.stdout
    measured = CliRunner().invoke(
        app, ["describe", "--json", "--limit", "1"], env={"DATA": str(classes)}
    )
    assert json.loads(measured.stdout)["opened"] == 1


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "data", "describe", *arguments],
        env={**os.environ, "ARTIFACTS": str(folder / "artifacts"), **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
def test_any_name_is_shown_in_any_terminal(tmp_path: Path, picture: Picture, encoding: str) -> None:
    names = (b"caf\xe9.png", "日本.png".encode(), b"[bold][/red].png")
    for seed, name in enumerate(names):
        for label in ("man", "woman"):
            written = picture(tmp_path / "faces" / label / "[bold][" / "x.png", seed)
            named = tmp_path / "faces" / label / os.fsdecode(name)
            written.rename(named)
    faces = str(tmp_path / "faces")
    for options in ((), ("--json",)):
        done = run(tmp_path, faces, *options, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"[bold][/red].png" in done.stdout and rb"caf\udce9.png" in done.stdout
        assert "日本.png".encode(encoding, "backslashreplace") in done.stdout
        if options:
            assert len(json.loads(done.stdout.decode(encoding))["duplicates"]) == 3


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


def test_describe_takes_labels_and_split_and_tells_people_in_several_parts(
    tmp_path: Path, picture: Picture
) -> None:
    lines = ["path,gender,person,split"]
    for i, part in enumerate(("train", "val", "test") * 2):
        picture(tmp_path / f"{i}.png", i)
        lines.append(f"{i}.png,{i // 3},{i // 3},{part}")
    (tmp_path / "t.csv").write_text("\n".join(lines))

    def notes(**environment: str) -> str:
        call = ["describe", str(tmp_path), "--json"]
        return "\n".join(json.loads(CliRunner().invoke(app, call, env=environment).stdout)["notes"])

    assert "2 of 2 people are in several parts of the given split" in notes()
    assert "0 for woman, 1 for man is assumed" in notes()
    assert "several parts" not in notes(SPLIT="identity")
    assert "LABELS takes 0 for man, 1 for woman" in notes(LABELS="0=man,1=woman")


def test_hashes_are_kept_beside_runs(tmp_path: Path, classes: Path) -> None:
    for artifacts, kept in ((tmp_path / "none", 0), (tmp_path / "there", 1)):
        if kept:
            artifacts.mkdir()
        run(tmp_path, str(classes), ARTIFACTS=str(artifacts))
        assert len(list(artifacts.glob("cache/hashes/*.npz"))) == kept


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_the_processors_of_a_process_are_those_it_may_use() -> None:
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    code += "from data.processors import usable; print(usable())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"


def test_synthesize_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["synthesize", str(tmp_path / "s"), "--count", "6"])
    assert result.exit_code == 0
    assert load(tmp_path / "s").synthetic


def test_importing_and_help_load_nothing_heavy() -> None:
    assert loaded_by("import data, data.__main__", "pandas", "numpy", "PIL") == "[]"
    names = "tensorflow", "keras", "sklearn", "scipy", "kagglehub", "rich"
    assert loaded_by("from data import *", *names) == "[]"


def loaded_by(code: str, *modules: str) -> str:
    code = f"import sys\n{code}\nprint([m for m in {modules} if m in sys.modules])"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


def test_fetch_links_what_was_downloaded_and_keeps_it(classes: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def download(handle: str) -> str:
        asked.append(handle)
        return str(classes)

    to = tmp_path / "artifacts" / "datasets" / "celeba"
    for _ in range(2):
        dataset = fetch(to, download)
        assert dataset.root == to and len(dataset.manifest) == 4
    assert asked == [HANDLE]
    to.unlink()
    to.symlink_to(tmp_path / "cache that was emptied")
    assert len(fetch(to, download).manifest) == 4


def test_fetch_names_the_manual_way(tmp_path: Path) -> None:
    def refused(handle: str) -> str:
        raise PermissionError("403 Client Error:\nYou don't have permission")

    with pytest.raises(
        DataError, match=r"403 Client Error: You.*kaggle\.com/datasets.*DATA="
    ) as caught:
        fetch(tmp_path / "celeba", refused)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "celeba").exists()


def test_fetch_with_kagglehub_offline(tmp_path: Path) -> None:
    pytest.importorskip("kagglehub")
    nowhere = "http://127.0.0.1:9"
    result = subprocess.run(
        [sys.executable, "-m", "data", "fetch", "--to", str(tmp_path / "celeba")],
        env={
            **os.environ,
            "HTTPS_PROXY": nowhere,
            "https_proxy": nowhere,
            "KAGGLEHUB_CACHE": str(tmp_path),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "no connection to Kaggle" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.skipif("DATA" not in os.environ, reason="DATA names no data set")
def test_the_data_set_at_hand() -> None:
    facts = describe(load(os.environ["DATA"]), limit=50)
    assert facts.opened == 50
    assert len(facts.unreadable) <= 2
