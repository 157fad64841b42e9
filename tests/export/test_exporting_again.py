"""`make export` a second time, with limits that no model keeps."""

import shutil
from pathlib import Path

import pytest

from export.__main__ import main
from tuning.runs.run_folder import RunFolder


def graphs(models: Path) -> dict[str, bytes]:
    return {str(path.relative_to(models)): path.read_bytes() for path in models.rglob("*.onnx")}


@pytest.mark.usefixtures("no_fresh_processes")
def test_exporting_again_gives_the_same_bytes_and_names_the_nearest_miss(
    small_run: RunFolder,
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(small_run.path, tmp_path / "runs" / "small")
    monkeypatch.setenv("TARGET_ACCURACY", "0.9")  # as of `exported`
    monkeypatch.setenv("MAX_SIZE_MB", "0.001")
    monkeypatch.setenv("MODELS", str(tmp_path / "models"))
    with pytest.raises(SystemExit) as ended:
        main(["--artifacts", str(tmp_path)])
    assert ended.value.code == 1
    assert "no model is within the limits; nearest is vgg16" in capsys.readouterr().err
    again = graphs(tmp_path / "models")
    assert set(again) == {"vgg16/model.onnx", "vgg16/model.int8.onnx"}
    assert again == graphs(exported)
