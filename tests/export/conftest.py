from pathlib import Path

import pytest

from tuning.runs.run_folder import RunFolder


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    import small_run

    return small_run.make(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def exported(small_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models folder of the run; not to be changed."""
    from export.champion import Limits
    from export.export_run import export_run

    folder = tmp_path_factory.mktemp("export")
    export_run(small_run, folder / "models", folder / "cache", Limits(), target_accuracy=0.9)
    return folder / "models"
