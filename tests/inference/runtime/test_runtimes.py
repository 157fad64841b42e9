"""Models run by OpenVINO itself, where it is installed, and by runtimes that fail."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from tiny_bundles import HAIR, SEVERAL, SIZE, expected, make_info, save_onnx
from typer.testing import CliRunner

from data import GENDER, Label
from inference import BundleError, Classifier, bundle, whole_image
from inference.__main__ import app
from inference.runtime import self_check
from inference.runtime import session as session_module
from inference.runtime.self_check import Way
from inference.runtime.session import classify, open_with

OPENVINO = ("openvino", "cpu")


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def openvino() -> None:
    # Not `importorskip`: OpenVINO would report to its makers that it was imported.
    if not find_spec("openvino"):
        pytest.skip("OpenVINO is not installed")


@pytest.fixture
def fastest(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Decide which way is the fastest; times of tiny models say nothing."""

    def decide(*ways: Way) -> None:
        def times(runs: dict[Way, object], *_: object) -> dict[Way, float]:
            return {way: 1.0 if way in ways else 2.0 for way in runs}

        monkeypatch.setattr(self_check, "interleaved", times)

    return decide


def load(models: Path, *choice: str, providers: tuple[str, ...] = OPENVINO) -> Classifier:
    return Classifier.load(models, *choice, finder=whole_image, providers=providers)


def rewrite_checks(models: Path, **changes: object) -> None:
    folder = models / "resnet50"
    info = bundle.read(folder).info
    assert info.checks
    checks = info.checks.model_copy(update=changes)
    (folder / "bundle.json").write_text(
        info.model_copy(update={"checks": checks}).model_dump_json()
    )


def checked_int8(models: Path) -> None:
    """As if OpenVINO's INT8 had passed the gate at export."""
    checks = bundle.read(models / "resnet50").info.checks
    assert checks
    rewrite_checks(models, openvino_int8=checks.expected["int8"])


@pytest.mark.usefixtures("openvino")
@pytest.mark.parametrize("labels", [(GENDER,), (HAIR,), SEVERAL])
def test_openvino_gives_what_onnxruntime_gives(tmp_path: Path, labels: tuple[Label, ...]) -> None:
    info = make_info(of=labels)
    content = save_onnx(tmp_path / "model.onnx", info).read_bytes()
    batch = np.random.default_rng(0).integers(0, 256, (9, SIZE, SIZE, 3), np.uint8)
    for count in (1, 9, 3):
        p = classify(open_with("openvino", content, 1), info, batch[:count])
        assert p == pytest.approx(expected(labels, batch[:count].mean((1, 2)), 0.1), abs=1e-4)


@pytest.mark.usefixtures("openvino")
def test_several_threads_may_use_it(tmp_path: Path) -> None:
    info = make_info()
    content = save_onnx(tmp_path / "model.onnx", info, slow=True).read_bytes()
    session = open_with("openvino", content, 2)
    batches = np.random.default_rng(0).integers(0, 256, (40, 2, SIZE, SIZE, 3), np.uint8)
    with ThreadPoolExecutor(4) as threads:
        given = list(threads.map(lambda batch: classify(session, info, batch), batches))
    for batch, p in zip(batches, given, strict=True):
        assert p == pytest.approx(expected((GENDER,), batch.mean((1, 2)), 0.1), abs=1e-4)


@pytest.mark.usefixtures("openvino")
def test_what_is_no_model_or_lacks_its_weights_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO itself would take unchecked weights from the folder where one works."""
    path = save_onnx(tmp_path / "model.onnx", make_info())
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0
    )
    monkeypatch.chdir(tmp_path)
    for content in (path.read_bytes(), b"no model"):
        with pytest.raises(BundleError, match="openvino cannot open the model") as error:
            open_with("openvino", content)
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.usefixtures("openvino")
def test_the_fastest_correct_way_is_served_and_remembered(models: Path, fastest: Any) -> None:
    checked_int8(models)
    fastest(Way("int8", "openvino"))
    classifier = load(models)
    assert (classifier.precision, classifier.provider) == ("int8", "openvino")
    fastest(Way("fp32", "cpu"))  # is not asked again
    assert load(models).provider == "openvino"
    assert load(models, providers=("cpu",)).provider == "cpu"
    assert (load(models, "resnet50", "fp32").provider) == "cpu"


@pytest.mark.usefixtures("openvino")
def test_int8_by_openvino_is_served_only_if_the_export_checked_it(
    models: Path, fastest: Any
) -> None:
    fastest(Way("int8", "openvino"))
    assert "openvino_int8" not in (models / "resnet50" / "bundle.json").read_text()
    assert load(models, "resnet50", "int8").provider == "cpu"
    checked_int8(models)
    assert load(models, "resnet50", "int8").provider == "openvino"


@pytest.mark.usefixtures("openvino")
def test_a_runtime_that_gives_something_else_is_not_served(
    models: Path, fastest: Any, caplog: pytest.LogCaptureFixture
) -> None:
    checks = bundle.read(models / "resnet50").info.checks
    assert checks
    fastest(Way("int8", "openvino"))
    off = tuple((abs(first - 0.1), abs(second - 0.1)) for first, second in checks.expected["int8"])
    rewrite_checks(models, openvino_int8=off)
    classifier = load(models, "resnet50", "int8")
    assert classifier.provider == "cpu"
    assert "int8 on openvino does not give on this processor what it gave at export" in caplog.text


def test_a_bundle_without_check_images_runs_on_the_cpu(models: Path) -> None:
    folder = models / "resnet50"
    info = bundle.read(folder).info.model_copy(update={"checks": None})
    (folder / "bundle.json").write_text(info.model_dump_json())
    assert load(models, "resnet50", "int8").provider == "cpu"


class _Device:
    """A device of onnxruntime that computes in another way, or is not there after all."""

    def __init__(self, session: Any, change: float, names: list[str]) -> None:
        self._session, self._change, self._names = session, change, names

    def get_providers(self) -> list[str]:
        return self._names

    def run(self, *arguments: Any) -> list[np.ndarray]:
        return [np.clip(p + np.float32(self._change), 0, 1) for p in self._session.run(*arguments)]


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a CUDA into onnxruntime that there is none of here."""
    real = session_module.ort.InferenceSession

    def put(change: float = 0.0, *, starts: bool = True) -> None:
        names = ["CUDAExecutionProvider"] * starts + ["CPUExecutionProvider"]

        def opened(content: bytes, options: Any, providers: list) -> Any:
            session = real(content, options, providers=["CPUExecutionProvider"])
            return _Device(session, change, names) if len(providers) == 2 else session

        monkeypatch.setattr(session_module.ort, "InferenceSession", opened)
        monkeypatch.setattr(
            session_module.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"]
        )

    return put


def test_a_device_is_served_if_it_is_correct(models: Path, device: Any, fastest: Any) -> None:
    device()
    fastest(Way("fp32", "cuda"))
    classifier = load(models, providers=("cuda",))
    assert (classifier.precision, classifier.provider) == ("fp32", "cuda")


def test_a_device_that_lies_is_not_served(
    models: Path, device: Any, fastest: Any, caplog: pytest.LogCaptureFixture
) -> None:
    device(0.04)
    fastest(Way("fp32", "cuda"), Way("int8", "cuda"))
    assert load(models, providers=("cuda",)).provider == "cpu"
    assert "fp32 on cuda does not give" in caplog.text and "int8 on cuda does not" in caplog.text


def test_a_device_that_does_not_start_is_not_served(
    models: Path, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    device(starts=False)
    assert load(models, providers=("cuda",)).provider == "cpu"
    assert "cuda cannot be started here" in caplog.text


@pytest.mark.usefixtures("openvino")
def test_bench_lists_the_runtimes_side_by_side(
    models: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("PROVIDERS", "")
    checked_int8(models)
    out = tmp_path / "bench.json"
    arguments = [
        "bench",
        "--models",
        models,
        "--backbone",
        "resnet50",
        "--rounds",
        1,
        "--json",
        out,
    ]
    command = [*map(str, arguments), "--providers", "openvino"]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.stderr
    rows = json.loads(out.read_text())["rows"]
    assert [(row["precision"], row["runtime"]) for row in rows] == [
        (form, runtime) for form in ("int8", "fp32") for runtime in ("openvino", "onnxruntime")
    ]


@pytest.mark.usefixtures("openvino")
def test_openvino_explains_by_class_activations(tmp_path: Path) -> None:
    info = make_info()
    [label] = info.labels
    label = label.model_copy(update={"class_activations": "activations"})
    path = save_onnx(tmp_path / "model.onnx", info)
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("ReduceMean", ["float"], ["activations"], axes=[3]))
    shape = ["N", SIZE, SIZE, 1]
    model.graph.output.append(
        helper.make_tensor_value_info("activations", onnx.TensorProto.FLOAT, shape)
    )
    info = info.model_copy(update={"labels": (label,)})
    session = open_with("openvino", model.SerializeToString(), 1)
    classifier = Classifier(info, "fp32", session, whole_image, "openvino")
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[2:4, 2:4] = 200
    [why] = classifier.explain(pixels)
    assert why.heat_map.method == "class activation map"


_SERVE = """
import sys
from inference import Classifier, whole_image
classifier = Classifier.load(sys.argv[1], finder=whole_image, providers=sys.argv[2].split(","))
print("openvino" in sys.modules, bool(sys.modules.get("openvino_telemetry")))
"""


@pytest.mark.parametrize("providers", ["cpu", "openvino"])
def test_openvino_is_imported_only_where_it_is_wanted_and_reports_to_nobody(
    models: Path, providers: str, request: pytest.FixtureRequest
) -> None:
    if providers == "openvino":
        request.getfixturevalue("openvino")
    command = [sys.executable, "-c", _SERVE, str(models), providers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(providers == "openvino"), "False"]
