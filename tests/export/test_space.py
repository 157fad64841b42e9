import http.client
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from export import space
from inference import BundleError, bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "clone"
    (folder / ".git").mkdir(parents=True)
    (folder / "README.md").write_text("as Hugging Face made it")
    space.write(exported, folder)
    return folder


def test_the_folder_is_complete_and_small(folder: Path, exported: Path) -> None:
    assert (folder / ".git").is_dir()
    requirements = (folder / "requirements.txt").read_text()
    assert "onnxruntime" in requirements and "gradio" in requirements
    assert not {"tensorflow", "keras", "torch"} & set(requirements.replace(">", " ").split())
    front = (folder / "README.md").read_text().split("---")[1]
    settings = dict(line.split(": ", 1) for line in front.strip().splitlines())
    assert settings["sdk"] == "gradio" and settings["app_file"] == "app.py"
    found = bundle.find(folder / "models")
    assert set(found.info.formats) == {"fp32", "int8"}
    assert found.verified("fp32").is_file() and found.verified("int8").is_file()
    assert len(found.check_images()) == 32
    assert not list(folder.rglob("saved_model")) and not list(folder.rglob("__pycache__"))


def test_the_readme_says_what_the_labels_are_and_are_not_for(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert "gender: woman, man. The label is what annotators perceived in a photo" in text
    assert "must not be used for deciding about a person, addressing a person" in text


def test_names_of_labels_do_nothing_in_the_readme(
    exported_of: Callable[[str], Path], tmp_path: Path
) -> None:
    space.write(exported_of("color"), tmp_path / "space")
    text = (tmp_path / "space" / "README.md").read_text()
    assert "main\\_color: gray, red, green, &#60;b&#62;blue&#60;\\/b&#62;." in text
    assert "<b>" not in text and "gender" not in text


def test_a_readme_of_somebody_is_not_overwritten(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("years of work")
    with pytest.raises(space.SpaceError, match=r"holds README\.md and is no Space"):
        space.write(exported, tmp_path)
    assert (tmp_path / "README.md").read_text() == "years of work"


def test_the_app_starts_and_answers(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=folder,
        env={
            "PORT": str(port),
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "SPACE_HOST": "me-faces.hf.space",
            "SPACE_ID": "me/faces",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with _answer(f"http://127.0.0.1:{port}/", process) as answer:
            assert answer.status == 200
            assert "X-Frame-Options" not in answer.headers
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            policy = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'self' https://huggingface.co" in policy
        for name, status in {"me-faces.hf.space": 200, "evil.hf.space": 403}.items():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            origin = {"Host": name, "Origin": f"https://{name}", "X-Forwarded-Proto": "https"}
            connection.request("GET", "/config", headers=origin)
            answer = connection.getresponse()
            assert answer.status == status
            config = answer.read().decode()
            assert status != 200 or json.loads(config)["root"] == "https://me-faces.hf.space"
            connection.close()
    finally:
        process.terminate()
        process.wait(30)


def _answer(url: str, process: subprocess.Popen):
    for _ in range(1200):
        try:
            return urllib.request.urlopen(url, timeout=10)
        except urllib.error.URLError:
            assert process.poll() is None, "the app ended"
            time.sleep(0.1)
    raise AssertionError("the app did not answer")


def test_a_space_is_written_again_over_itself(folder: Path, exported: Path) -> None:
    (folder / "models" / "vgg16" / "left.over").touch()
    app = folder / "app.py"
    app.write_text(app.read_text() + "# an earlier version's\n")
    space.write(exported, folder)
    assert not (folder / "models" / "vgg16" / "left.over").exists()
    assert app.read_bytes() == (ROOT / "export" / "space_files" / "app.py").read_bytes()


def test_other_folders_are_left_alone(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference" / "own.py").touch()
    with pytest.raises(space.SpaceError, match="holds inference and is no Space"):
        space.write(exported, tmp_path)
    assert (tmp_path / "inference" / "own.py").exists()


def test_a_folder_that_cannot_be_made_is_one_line(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "export", "space", "--to", str(tmp_path / "file" / "space")]
    done = subprocess.run(
        [*command, "--models", str(exported)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "file/space" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_model_does_not_go_into_a_space(exported: Path, tmp_path: Path) -> None:
    import shutil

    models = Path(shutil.copytree(exported, tmp_path / "models"))
    name = json.loads((models / "index.json").read_text())["champion"]
    (models / name / "model.int8.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match="cut off"):
        space.write(models, tmp_path / "space")
