from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from export import openvino_int8
from export.__main__ import main
from export.champion import Limits
from export.export_run import export_run
from export.forms import Form
from export.progress import Steps
from export.source import Split
from inference import Classifier, bundle, whole_image
from tuning.runs.run_folder import RunFolder

# Not `importorskip`: OpenVINO would report to its makers that it was imported.
pytestmark = pytest.mark.skipif(not find_spec("openvino"), reason="OpenVINO is not installed")
ROWS = np.arange(40)


@pytest.fixture(autouse=True)
def with_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDERS", "openvino")


@pytest.fixture
def val(exported: Path) -> Split:
    codes, size = ROWS[:, None] % 2, bundle.find(exported).info.input.size
    images = np.full((40, size, size, 3), 30, np.uint8)
    images[ROWS % 2 == 1, ..., 0] = images[ROWS % 2 == 0, ..., 2] = 130
    return Split("val", images, ROWS, codes)


def expected(exported: Path, val: Split, fp32_p: np.ndarray, steps: Steps) -> list[list[float]]:
    there = bundle.find(exported)
    form = Form.open("int8", there.verified("int8"), there.info.classes)
    return openvino_int8.expected(form, there.info, val, fp32_p, val.images[:3], steps)


@pytest.mark.usefixtures("no_fresh_processes")
def test_int8_that_passes_the_gate_is_served_by_openvino(
    small_run: RunFolder,
    image_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    export_run(small_run, tmp_path / "models", image_cache, Limits())
    assert "INT8 by OpenVINO passed" in capsys.readouterr().out
    checks = bundle.find(tmp_path / "models").info.checks
    assert checks and np.shape(checks.openvino_int8) == np.shape(checks.expected["int8"])
    assert np.allclose(checks.openvino_int8, checks.expected["int8"], atol=0.1)
    monkeypatch.setattr("inference.runtime.self_check._fastest", lambda _, served: served[0])
    served = Classifier.load(tmp_path / "models", precision="int8", finder=whole_image)
    assert served.provider == "openvino"


def test_int8_that_decides_otherwise_is_not_served_by_openvino(
    exported: Path, val: Split, steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    form = bundle.find(exported)
    fp32 = Form.open("fp32", form.verified("fp32"), form.info.classes)
    p = fp32.predict(val.images)
    assert len(expected(exported, val, p, steps)) == 3
    assert expected(exported, val, p[:, ::-1], steps) == []
    assert "INT8 by OpenVINO failed, it is not served" in capsys.readouterr().out


@pytest.mark.parametrize("providers", ["cpu", "cuda,cpu"])
def test_without_openvino_among_the_providers_nothing_is_tried(
    exported: Path, val: Split, steps: Steps, providers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDERS", providers)
    assert expected(exported, val, np.empty((40, 2)), steps) == []


def test_an_unknown_runtime_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROVIDERS", "tpu")
    with pytest.raises(SystemExit) as ended:
        main(["--artifacts", str(tmp_path)])
    assert ended.value.code == 2
    assert "'tpu', which is none of cuda, openvino" in capsys.readouterr().err
