from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_bundles import SIZE, make_info, save_onnx

from inference import BundleError, Classifier, whole_image


def _answer(model: onnx.ModelProto, node: onnx.NodeProto, kind: int, shape: list) -> None:
    """Let a tiny model answer by another last node."""
    del model.graph.node[-1], model.graph.output[:]
    model.graph.node.append(node)
    model.graph.output.append(helper.make_tensor_value_info("p_man", kind, shape))


def no_number(model: onnx.ModelProto) -> None:
    _answer(model, helper.make_node("Log", ["logit"], ["p_man"]), TensorProto.FLOAT, ["N", 1])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(-np.ones((3, 1), "f"), "weights"))


def beyond_one(model: onnx.ModelProto) -> None:
    _answer(model, helper.make_node("Exp", ["logit"], ["p_man"]), TensorProto.FLOAT, ["N", 1])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((3, 1), "f"), "weights"))


def two_columns(model: onnx.ModelProto) -> None:
    node = helper.make_node("Concat", ["logit", "logit"], ["p_man"], axis=1)
    _answer(model, node, TensorProto.FLOAT, ["N", 2])


def double_precision(model: onnx.ModelProto) -> None:
    node = helper.make_node("Cast", ["logit"], ["p_man"], to=TensorProto.DOUBLE)
    _answer(model, node, TensorProto.DOUBLE, ["N", 1])


def another_name(model: onnx.ModelProto) -> None:
    model.graph.node[-1].output[0] = model.graph.output[0].name = "score"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (no_number, "no probabilities"),
        (beyond_one, "no probabilities"),
        (two_columns, r"gives float32 \[1, 2\]"),
        (double_precision, "gives float64"),
        (another_name, "does not fit its description"),
    ],
)
def test_a_model_that_answers_no_probability_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    path = save_onnx(tmp_path / "model.onnx", make_info())
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    with pytest.raises(BundleError, match=reason):
        classifier = Classifier.from_onnx(path, finder=whole_image)
        classifier.classify(np.full((1, SIZE, SIZE, 3), 9, np.uint8))


def test_weights_in_another_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_onnx(tmp_path / "model.onnx", make_info())
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0
    )
    monkeypatch.chdir(tmp_path)  # onnxruntime looks here for what a model in memory wants
    with pytest.raises(BundleError, match="onnxruntime cannot open"):
        Classifier.from_onnx(path, finder=whole_image)
