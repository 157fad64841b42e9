from pathlib import Path

import numpy as np
import pytest

from data import GENDER
from export import speed
from export.forms import Form

IMAGES = np.zeros((16, 4, 4, 3), np.uint8)


def test_a_fresh_process_starts_where_another_package_is_called_data(
    onnx_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    form = Form("fp32", onnx_file, lambda batch: batch)
    assert set(speed._fresh(form, [GENDER], 64)) == {"cold_start_s", "peak_mb"}


@pytest.mark.usefixtures("no_fresh_processes")
def test_each_form_is_timed_on_one_image_and_on_a_batch() -> None:
    sizes: dict[str, list[int]] = {"fp32": [], "int8": []}

    def form(name: str) -> Form:
        return Form(name, Path("model.onnx"), lambda batch: sizes[name].append(len(batch)))

    timed = speed.measure([form("fp32"), form("int8")], [GENDER], IMAGES, rounds=2)
    assert sizes["fp32"] == sizes["int8"] == [1, 1, 1, 16, 16, 16]
    assert (timed.batch_size, timed.rounds) == (16, 2)
    assert list(timed.timings) == ["fp32", "int8"]


def test_the_batch_sets_the_throughput_and_one_image_the_latency(
    monkeypatch: pytest.MonkeyPatch, no_fresh_processes: None
) -> None:
    seconds = iter([{"fp32": 0.02}, {"fp32": 0.08}])
    monkeypatch.setattr(speed, "interleaved", lambda runs, rounds: next(seconds))
    form = Form("fp32", Path("model.onnx"), lambda batch: batch)
    timed = speed.measure([form], [GENDER], IMAGES)
    timing = timed.timings["fp32"]
    assert timing.latency_ms == pytest.approx(20)
    assert timing.throughput == pytest.approx(200)
