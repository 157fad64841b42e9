from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.workload import Workload, prepared
from data.synthetic.writing import generate
from tuning.runs.settings import Settings
from tuning.tensorflow_import import import_tensorflow


@pytest.fixture(scope="session", autouse=True)
def tensorflow() -> None:
    import_tensorflow()


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("data") / "portraits", count=150)


@pytest.fixture(scope="session")
def workload(portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workload]:
    chosen = Settings(
        data=str(portraits), samples=100, backbones=("googlenet",), preset="quick", size=64,
        weights="none", algorithm="random",
    )  # fmt: skip
    with prepared(chosen, tmp_path_factory.mktemp("artifacts")) as ready:
        yield ready
