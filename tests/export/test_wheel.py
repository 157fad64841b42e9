"""What is installed from a wheel, away from the checkout, has all that it needs."""

import subprocess
from pathlib import Path

import pytest

from inference import bundle

ROOT = Path(__file__).parents[2]
PACKAGES = ("data", "tuning", "export", "inference")


@pytest.fixture
def python(installed: Path) -> Path:
    """The interpreter of a fresh environment with the wheel."""
    return installed / "python"


def test_every_package_is_typed_and_whole(python: Path) -> None:
    wanted = [f"{package}/py.typed" for package in PACKAGES] + [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.*")
        if path.suffix in (".py", ".css", ".md", ".jinja") and "__pycache__" not in path.parts
    ]
    site = Path(_run(python, "-c", "import data; print(data.__file__)").strip()).parents[1]
    assert site.is_relative_to(python.parents[1]), "not the checkout"
    assert [name for name in wanted if not (site / name).is_file()] == []


def test_a_space_is_written_with_the_requirements_of_serving(
    python: Path, exported: Path, tmp_path: Path
) -> None:
    space = tmp_path / "space"
    _run(python, "-m", "export", "space", "--to", space, "--models", exported, folder=tmp_path)
    requirements = (space / "requirements.txt").read_text().splitlines()
    assert [line for line in requirements if line.startswith("onnxruntime")]
    assert not [line for line in requirements if "extra" in line or line.startswith("tensorflow")]
    assert (space / "inference" / "demo" / "demo.css").is_file()
    assert bundle.find(space / "models").precisions()


def _run(python: Path, *arguments: str | Path, folder: Path | None = None) -> str:
    command = [python, *arguments]
    done = subprocess.run(command, cwd=folder or "/", capture_output=True, text=True, check=True)
    return done.stdout
