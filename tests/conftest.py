import atexit
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import local_hub
import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and all have one module name

# A deadline measures how busy the machine is: one example in hundreds takes 300 ms, not 20.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# What models proved on this machine is remembered for each run of the tests alone.
_cache = tempfile.mkdtemp(prefix="face-classifier-tests-")
atexit.register(shutil.rmtree, _cache, ignore_errors=True)
os.environ["XDG_CACHE_HOME"] = _cache
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ["PROVIDERS"] = "cpu"  # OpenVINO, where it is installed, takes its time to start
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} names no folder here")
    return Path(value)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The data set that the environment hands in."""
    return _folder("DATA")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The folder of pretrained weights that the environment hands in."""
    return _folder("WEIGHTS")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment into which a wheel of this was installed.

    Dependencies are those of the environment that runs the tests.
    """
    folder = tmp_path_factory.mktemp("installed")
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "face_classifier.py"):
        shutil.copy(ROOT / name, source)
    for package in ("data", "tuning", "export", "inference"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-index"]
    build = ["wheel", *alone, "--no-build-isolation", "-w", folder, source]
    subprocess.run([*pip, *build], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    commands = environment / "bin"
    [wheel] = folder.glob("*.whl")
    install = ["--python", commands / "python", "install", *alone, wheel]
    subprocess.run([*pip, *install], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(others) + "\n")
    return commands


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[local_hub.LocalHub]:
    """An empty hub that huggingface_hub is set to, for a user without a token or a cache."""
    from huggingface_hub import constants

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with local_hub.running() as hub:
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)
