"""What is installed from a wheel, away from the checkout, has all that it needs."""

import subprocess
from pathlib import Path

from inference import bundle

ROOT = Path(__file__).parents[2]
PACKAGES = ("data", "tuning", "export", "inference")


def test_every_package_is_typed_and_whole(installed: Path) -> None:
    wanted = [f"{package}/py.typed" for package in PACKAGES] + [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.*")
        if path.suffix in (".py", ".css", ".md", ".jinja") and "__pycache__" not in path.parts
    ]
    site = Path(run(installed, "-c", "import data; print(data.__file__)").strip()).parents[1]
    assert site.is_relative_to(installed.parent), "not the checkout"
    assert [name for name in wanted if not (site / name).is_file()] == []


def test_a_space_is_written_with_the_requirements_of_serving(
    installed: Path, exported: Path, tmp_path: Path
) -> None:
    space = tmp_path / "space"
    run(installed, "-m", "export", "space", "--to", space, "--models", exported)
    requirements = (space / "requirements.txt").read_text().splitlines()
    assert [line for line in requirements if line.startswith("onnxruntime")]
    assert not [line for line in requirements if "extra" in line or line.startswith("tensorflow")]
    assert any((space / "inference" / "demo").glob("*.css"))
    assert bundle.find(space / "models").precisions()


def run(installed: Path, *arguments: str | Path) -> str:
    command = [installed / "python", *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout
