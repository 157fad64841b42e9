import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data import DataError, load
from data.__main__ import app
from data.describe import describe
from data.fetch import HANDLE, fetch

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
    assert facts.split == {} and facts.identities == 0
    assert done == [(i, 4) for i in range(1, 5)]


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
    measured = CliRunner().invoke(
        app, ["describe", "--json", "--limit", "1"], env={"DATA": str(classes)}
    )
    assert json.loads(measured.stdout)["opened"] == 1


def test_errors_are_one_line_on_stderr(tmp_path: Path) -> None:
    for arguments in (["describe", str(tmp_path)], ["synthesize", str(tmp_path), "--count", "2"]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert CliRunner().invoke(app, ["describe", "--limit", "0", "x"]).exit_code == 2


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
