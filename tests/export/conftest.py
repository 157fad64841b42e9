import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    import keras

    from export.progress import Steps
    from tuning.runs.run_folder import RunFolder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of these tests share."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "export"
    folder.mkdir(exist_ok=True)
    return folder


def _once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Make a folder in one process; the others wait for it."""
    done = folder.with_suffix(".done")
    with FileLock(folder.with_suffix(".lock")):
        if not done.exists():
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def run_of(shared: Path) -> "Callable[[str], RunFolder]":
    """A function that gives a finished run of `small_run.RUNS` by its name; not to be changed."""
    import small_run

    from tuning.runs.run_folder import RunFolder

    def run(name: str) -> RunFolder:
        folder = _once(shared / f"run of {name}", lambda folder: small_run.make(folder, name))
        return RunFolder(folder / small_run.RUN)

    return run


@pytest.fixture(scope="session")
def small_run(run_of: "Callable[[str], RunFolder]") -> "RunFolder":
    """A finished run of one small winner of gender, see `small_run`; not to be changed."""
    return run_of("gender")


@pytest.fixture(scope="session")
def image_cache(shared: Path) -> Path:
    """The folder of image stores that all exports share."""
    return shared / "cache"


@pytest.fixture(scope="session")
def exported(small_run: "RunFolder", image_cache: Path, shared: Path) -> Path:
    """The models folder of the run, exported with a target accuracy of 0.9; not to be changed."""

    def export(models: Path) -> None:
        from export.champion import Limits
        from export.export_run import export_run

        export_run(small_run, models, image_cache, Limits(), target_accuracy=0.9)

    return _once(shared / "models", export)


@pytest.fixture(scope="session")
def exported_of(
    run_of: "Callable[[str], RunFolder]", image_cache: Path, shared: Path
) -> Callable[[str], Path]:
    """A function that gives the models folder of a run of `small_run.RUNS` by its name."""

    def export(run: "RunFolder", models: Path) -> None:
        from export import speed
        from export.champion import Limits
        from export.export_run import export_run

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(speed, "_fresh", _no_fresh_process)
            export_run(run, models, image_cache, Limits())

    return lambda name: _once(
        shared / f"models of {name}", lambda models: export(run_of(name), models)
    )


@pytest.fixture
def run_copy(small_run: "RunFolder", tmp_path: Path) -> "RunFolder":
    """The run, to be changed."""
    from tuning.runs.run_folder import RunFolder

    return RunFolder(Path(shutil.copytree(small_run.path, tmp_path / "run")))


@pytest.fixture(scope="session")
def classifier(small_run: "RunFolder") -> "keras.Model":
    """The winner of the run; not to be changed."""
    import keras

    return keras.models.load_model(small_run.winner("vgg16"))


@pytest.fixture(scope="session")
def onnx_file(classifier: "keras.Model", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The winner as ONNX, without facts; not to be changed."""
    from data import GENDER
    from export.convert import to_onnx

    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    to_onnx(classifier, [GENDER], {}, path)
    return path


@pytest.fixture
def no_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four fresh processes take as long as all else; `exported` measured in real ones."""
    from export import speed

    monkeypatch.setattr(speed, "_fresh", _no_fresh_process)


def _no_fresh_process(*_: object) -> dict[str, float]:
    return {"cold_start_s": 1.0, "peak_mb": 1.0}


@pytest.fixture
def steps() -> "Steps":
    from rich.console import Console

    from export.progress import Steps

    return Steps(Console(), "vgg16")
