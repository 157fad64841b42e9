import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_data_sets import Picture
from typer.testing import CliRunner

from data import load
from data.__main__ import app


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
        assert done.returncode == 0 and done.stderr.startswith(b"peak memory ")
        assert done.stderr.count(b"\n") == 1
        assert b"[bold][/red].png" in done.stdout and rb"caf\udce9.png" in done.stdout
        assert "日本.png".encode(encoding, "backslashreplace") in done.stdout
        if options:
            assert len(json.loads(done.stdout.decode(encoding))["duplicates"]) == 3


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


def test_describe_lists_what_is_offered_and_takes_label_and_ages(
    tmp_path: Path, picture: Picture
) -> None:
    lines = ["path,sex,smile,age"]
    for i in range(12):
        picture(tmp_path / f"{i}.png", i)
        lines.append(f"{i}.png,{'fm'[i % 2]},{i % 2},{i * 5}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    call = ["describe", str(tmp_path), "--label", "smile", "--ages", "0-29,30+"]
    shown = " ".join(CliRunner().invoke(app, call).stdout.split())
    assert "gender: woman 6, man 6" in shown
    assert "smile: no 6, yes 6 (0 for no, 1 for yes; learned)" in shown
    assert "age: 0-29 6, 30+ 6 (years)" in shown
    assert "labels smile: no 6 (50.0%), yes 6 (50.0%)" in shown
    named = CliRunner().invoke(app, ["describe", str(tmp_path), "--json"], env={"LABEL": "Smile"})
    facts = json.loads(named.stdout)
    assert facts["labels"] == {"no": 6, "yes": 6} and facts["learned"] == ["smile"]
    assert facts["offers"][1] == {
        "name": "smile", "classes": {"no": 6, "yes": 6}, "missing": 0,
        "meaning": "0 for no, 1 for yes", "learned": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--label", "smile,Smile"], 2, "error: LABEL=smile,Smile: names 'Smile' twice"),
        (["--ages", "0-12,14+"], 2, "error: AGES=0-12,14+: '14+' leaves a gap"),
        (["--labels", "0=a"], 2, "error: LABELS=0=a: say for each word"),
        (["--label", "hat\n"], 1, "no label 'hat'; it offers gender"),
    ],
)
def test_wrong_labels_are_one_line(
    classes: Path, options: list[str], status: int, message: str
) -> None:
    done = CliRunner().invoke(app, ["describe", str(classes), *options])
    assert done.exit_code == status
    assert message in done.stderr and done.stderr.count("\n") == 1
