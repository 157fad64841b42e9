import os
import subprocess
from pathlib import Path

import pytest
from predict_command import ROOT, Draw, command, predict
from tiny_bundles import add_models

from data import Label


def test_the_table_shows_answers_and_errors(models: Path, photos: Path) -> None:
    result = predict(photos / "group.png", photos / "z.jpg", "--models", models, "--table")
    assert result.stdout.count("%") == 6
    assert "not an image" in result.stdout


NOT_UTF8 = os.fsdecode(b"caf\xe9 \xff\x1b[31m.png")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("form", ["--table", "--csv"])
def test_any_name_on_any_terminal(
    models: Path, draw: Draw, tmp_path: Path, encoding: str, form: str
) -> None:
    """No traceback, nothing that the terminal would obey; CSV has the bytes of the name."""
    names = [NOT_UTF8, "\u5f20\u4e09.png", "caf\u00e9.png"]
    folder = tmp_path / "photos"
    for name in names:
        draw("photos/x.png", "red").rename(folder / name)
    (folder / f"broken{NOT_UTF8}").write_text("not an image")
    environment = os.environ | {"PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    arguments = [folder, form] + (["-"] if form == "--csv" else [])
    done = subprocess.run(
        command(models, *arguments, "--annotate", tmp_path / NOT_UTF8),
        cwd=ROOT, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    if form == "--csv":
        assert all(os.fsencode(name) in done.stdout for name in names)
    else:
        assert b"\x1b" not in done.stdout
    gone = subprocess.run(
        command(models, tmp_path / f"gone{NOT_UTF8}"),
        cwd=ROOT, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert gone.returncode == 2
    assert gone.stderr.startswith(b"error: no such file or folder: ")
    assert b"\x1b" not in gone.stderr and len(gone.stderr.splitlines()) == 1


def test_a_label_of_two_classes_is_named_and_no_markup_obeyed(draw: Draw, tmp_path: Path) -> None:
    label = Label(name="[red]glasses", classes=("[b]no", "[b]yes"))
    models = add_models(tmp_path, (label,))
    result = predict(draw("a.png", "red"), "--aligned", "--models", models, "--table")
    assert result.exit_code == 0, result.stderr
    for text in ("P([b]yes)", "[red]glasses", "100.0%"):
        assert text in result.stdout
