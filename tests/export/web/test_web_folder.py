import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export.web.folder import WebError, write
from export.web.npm import NpmError
from inference import BundleError, bundle

ROOT = Path(__file__).parents[3]


def test_the_folder_holds_all_that_the_page_asks_for(
    exported: Path, tiny_registry: str, tmp_path: Path
) -> None:
    folder = tmp_path / "web"
    size = write(exported, folder, tiny_registry)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert size == sum(path.stat().st_size for path in files)
    facts = json.loads((folder / "facts.json").read_text())
    listed = [*facts["forms"], facts["checks"], facts["detector"], facts["runtime"]]
    for file in listed:
        assert (folder / file["file"]).stat().st_size == file["bytes"]
    assert [form["precision"] for form in facts["forms"]] == ["int8", "fp32"]
    champion = bundle.find(exported)
    assert facts["forms"][0]["expected"] == [list(p) for p in champion.info.checks.expected["int8"]]
    assert facts["labels"][0]["least"] == list(champion.info.labels[0].operating_point.least)
    assert "must not" not in facts["labels"][0]["notFor"]
    for module in folder.glob("*.js"):
        for line in module.read_text().splitlines():
            if ' from "' in line:
                imported = line.split(' from "')[1].rstrip('";')
                assert (folder / imported).is_file(), f"{module.name} imports {imported}"


def test_it_is_written_again_over_itself_and_leaves_what_is_not_its_own(
    exported: Path, tiny_registry: str, tmp_path: Path
) -> None:
    folder = tmp_path / "web"
    write(exported, folder, tiny_registry)
    (folder / "CNAME").write_text("faces.example")
    (folder / "facts.json").write_text("{}")
    alone = tmp_path / "models"
    shutil.copytree(exported, alone)
    found = bundle.find(alone)
    formats = {"int8": found.info.formats["int8"]}
    path = found.folder / "bundle.json"
    path.write_text(found.info.model_copy(update={"formats": formats}).model_dump_json())
    write(alone, folder, tiny_registry)
    assert (folder / "CNAME").read_text() == "faces.example"
    assert json.loads((folder / "facts.json").read_text())["labels"]
    assert not (folder / "model.fp32.onnx").exists()


def test_nobodys_folder_is_written_into(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>\n<title>My page</title>")
    with pytest.raises(WebError, match=r"holds index\.html and is no web page of this program"):
        write(exported, tmp_path, "http://127.0.0.1:9/")
    assert (tmp_path / "index.html").read_text().endswith("<title>My page</title>")


def test_without_a_registry_nothing_is_written(
    exported: Path, tiny_registry: str, tmp_path: Path
) -> None:
    with pytest.raises(NpmError, match="could not be fetched"):
        write(exported, tmp_path / "web", "http://127.0.0.1:9/")
    assert not (tmp_path / "web").exists()


def test_a_damaged_model_is_not_published(
    exported: Path, tiny_registry: str, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "models")
    model = bundle.find(tmp_path / "models").folder / "model.int8.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        write(tmp_path / "models", tmp_path / "web", tiny_registry)
    assert not (tmp_path / "web").exists()


def test_labels_of_origin_are_not_offered(
    exported: Path, tiny_registry: str, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "models")
    path = bundle.find(tmp_path / "models").folder / "bundle.json"
    facts = json.loads(path.read_text())
    facts["labels"][0]["name"] = "race"
    path.write_text(json.dumps(facts))
    with pytest.raises(WebError, match=r"labels of origin alone \(race\): no page offers that"):
        write(tmp_path / "models", tmp_path / "web", tiny_registry)


def test_without_check_images_int8_is_not_trusted(
    exported: Path, tiny_registry: str, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "models")
    path = bundle.find(tmp_path / "models").folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"checks": None}))
    write(tmp_path / "models", tmp_path / "web", tiny_registry)
    facts = json.loads((tmp_path / "web" / "facts.json").read_text())
    assert [form["precision"] for form in facts["forms"]] == ["fp32"]


def test_the_command_ends_with_one_line(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "export", "web", "--to", tmp_path / "web", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    missing = run("--models", tmp_path / "none")
    assert missing.returncode == 2
    assert missing.stderr.startswith("error: no exported models in")
    offline = run("--models", exported, "--registry", "http://127.0.0.1:9/")
    assert offline.returncode == 1 and offline.stderr.count("\n") == 1
    assert "could not be fetched: [Errno 111] Connection refused" in offline.stderr
    assert not (tmp_path / "web").exists()
