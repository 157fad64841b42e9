"""INT8 as onnxruntime's kernels for AVX2 without VNNI compute it, on an emulated processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from tiny_bundles import SIZE, make_info, save_checks

from inference import bundle
from inference.runtime import saturation
from inference.runtime.machine import instruction_set
from inference.runtime.session import classify, open_session

EMULATOR = shutil.which("qemu-x86_64")
emulated = pytest.mark.skipif(not EMULATOR, reason="needs qemu-user")

SERVE = """
import json, sys
from pathlib import Path
import onnxruntime as ort
from inference import Classifier, bundle, whole_image
if sys.argv[2] == "plain":
    ort.SessionOptions.add_session_config_entry = lambda *_: None
classifier = Classifier.load(sys.argv[1], threads=1, finder=whole_image)
images = bundle.find(Path(sys.argv[1])).check_images()
print(json.dumps([classifier.precision, classifier.classify(images).tolist()]))
"""


def save_network(path: Path, info: bundle.BundleInfo) -> Path:
    """p_man by how bright an image is, with the large weights by which 16-bit sums overflow."""
    weights = np.ones((16, 16, 3, 3), np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "second"], ["c2"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("ReduceMean", ["features"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Div", ["mean", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "one"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["p_man"]),
    ]
    constants = {
        "first": weights[:, :3],
        "second": weights,
        "scale": np.array([400_000.0], np.float32),
        "one": np.array([1.0], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("p_man", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, bundle.to_metadata(info))
    onnx.save(model, path)
    return path


class Images(CalibrationDataReader):
    def __init__(self, images: np.ndarray) -> None:
        self._images = iter(images[:, None])

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        return None if image is None else {"image": image}


def test_the_product_that_asks_the_kernels_is_what_it_says() -> None:
    shapes = {"a": (TensorProto.UINT8, [2, 8]), "b": (TensorProto.INT8, [8, 16])}
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "p",
        [helper.make_tensor_value_info(name, *shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("c", TensorProto.INT32, [2, 16])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=10)
    assert model.SerializeToString() == saturation._PRODUCT


def test_vnni_does_not_saturate() -> None:
    if "VNNI" not in instruction_set() and instruction_set() != "AMX":
        pytest.skip("no VNNI here")
    assert not saturation.saturates()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose INT8 model is exact where it was made."""
    folder, info = tmp_path_factory.mktemp("avx2"), make_info("vgg16")
    checks = save_checks(folder / "checks.png", 0.1)
    images = bundle.Bundle(folder, info.model_copy(update={"checks": checks})).check_images()
    quantize_static(
        str(save_network(folder / "model.onnx", info)),
        str(folder / "model.int8.onnx"),
        Images(images),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    files = {name: folder / name for name in ("model.onnx", "model.int8.onnx", "checks.png")}
    expected = {
        form: classify(open_session(files[name]), info, images).tolist()
        for form, name in (("fp32", "model.onnx"), ("int8", "model.int8.onnx"))
    }
    facts = {
        "formats": {
            "fp32": bundle.ModelFile.of(files["model.onnx"]),
            "int8": bundle.ModelFile.of(files["model.int8.onnx"]),
        },
        "checks": checks.model_copy(update={"expected": expected}),
    }
    bundle.write(folder / "models" / "vgg16", info.model_copy(update=facts), files)
    bundle.write_index(folder / "models", "vgg16", ["vgg16"])
    return folder / "models"


def serve(models: Path, options: str, cache: Path) -> tuple[str, list[list[float]], str]:
    """What a server of AVX2 alone gives for the check images, and what it prints."""
    assert EMULATOR
    environment = os.environ | {
        "XDG_CACHE_HOME": str(cache),
        "PYTHONPATH": str(Path(bundle.__file__).parents[1]),
    }
    done = subprocess.run(
        [EMULATOR, "-cpu", "Haswell", sys.executable, "-c", SERVE, str(models), options],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    precision, answers = json.loads(done.stdout)
    return precision, answers, done.stderr


@emulated
def test_int8_is_exact_without_vnni(models: Path, tmp_path: Path) -> None:
    checks = bundle.find(models).info.checks
    assert checks
    precision, answers, printed = serve(models, "as served", tmp_path)
    assert "does not give" not in printed
    np.testing.assert_allclose(answers, checks.expected[precision], atol=1e-3)


@emulated
def test_int8_that_saturates_is_not_served(models: Path, tmp_path: Path) -> None:
    """Without the session option the sums overflow, which the check images show."""
    precision, _, printed = serve(models, "plain", tmp_path)
    assert precision == "fp32"
    assert "int8 does not give on this processor what it gave at export" in printed
