from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_bundles import HAIR, SEVERAL, SIZE, SMILING, expected, make_info, save_onnx

from data import GENDER, Label
from inference import BundleError, Classifier, whole_image


def _answer(model: onnx.ModelProto, node: onnx.NodeProto, kind: int, shape: list) -> None:
    """Let a tiny model answer by another last node."""
    del model.graph.node[-1], model.graph.output[:]
    model.graph.node.append(node)
    model.graph.output.append(helper.make_tensor_value_info("p_man", kind, shape))


def weigh(model: onnx.ModelProto, number: float) -> None:
    """Give all weights of a tiny model of gender one value."""
    [old] = [one for one in model.graph.initializer if one.name == "weights0"]
    old.CopyFrom(numpy_helper.from_array(np.full((3, 1), number, np.float32), "weights0"))


def no_number(model: onnx.ModelProto) -> None:
    _answer(model, helper.make_node("Log", ["logit"], ["p_man"]), TensorProto.FLOAT, ["N", 1])
    weigh(model, -1)


def beyond_one(model: onnx.ModelProto) -> None:
    _answer(model, helper.make_node("Exp", ["logit"], ["p_man"]), TensorProto.FLOAT, ["N", 1])
    weigh(model, 1)


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


@pytest.mark.parametrize("labels", [(GENDER,), (SMILING,), (HAIR,), SEVERAL])
def test_all_classes_of_all_labels_come_side_by_side(
    tmp_path: Path, labels: tuple[Label, ...]
) -> None:
    path = save_onnx(tmp_path / "model.onnx", make_info(of=labels))
    classifier = Classifier.from_onnx(path, finder=whole_image)
    batch = np.random.default_rng(0).integers(0, 256, (70, SIZE, SIZE, 3), np.uint8)
    p = classifier.classify(batch)
    assert (p.shape, p.dtype) == ((70, sum(len(label.classes) for label in labels)), np.float64)
    assert p == pytest.approx(expected(labels, batch.mean((1, 2)), 0.1), abs=1e-4)
    assert classifier.classify(batch[:0]).shape == (0, p.shape[1])


def sigmoid_for_softmax(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type = "Sigmoid"


def scores_for_softmax(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type = "LogSoftmax"


def a_class_too_many(model: onnx.ModelProto) -> None:
    [old] = [one for one in model.graph.initializer if one.name == "weights0"]
    old.CopyFrom(numpy_helper.from_array(np.ones((3, 4), np.float32), "weights0"))
    model.graph.output[-1].type.tensor_type.shape.dim[1].dim_value = 4


def flat(model: onnx.ModelProto) -> None:
    """All classes of all images in one row, as many numbers as there should be."""
    model.graph.node[-1].output[0] = "p"
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1]), "row"))
    model.graph.node.append(helper.make_node("Reshape", ["p", "row"], ["p_hair_color"]))
    del model.graph.output[-1].type.tensor_type.shape.dim[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (sigmoid_for_softmax, "probabilities for hair color that are not 1 together"),
        (scores_for_softmax, "numbers that are no probabilities for hair color"),
        (a_class_too_many, r"gives float32 \[1, 4\] for 1 images, not float32 \[1, 3\] for hair"),
        (flat, r"gives float32 \[3\] for 1 images, not float32 \[1, 3\] for hair color"),
    ],
)
def test_what_are_no_probabilities_of_many_classes_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    path = save_onnx(tmp_path / "model.onnx", make_info(of=(HAIR,)))
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    with pytest.raises(BundleError, match=reason):
        Classifier.from_onnx(path, finder=whole_image)


def test_an_output_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    path = save_onnx(tmp_path / "model.onnx", make_info(of=SEVERAL))
    model = onnx.load(path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    facts["labels"] = facts["labels"].replace("p_Eyeglasses", "p_other")
    helper.set_model_props(model, facts)
    onnx.save(model, path)
    with pytest.raises(BundleError, match="does not fit its description") as error:
        Classifier.from_onnx(path, finder=whole_image)
    assert len(str(error.value).splitlines()) == 1
