from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf

from data import GENDER, Label
from data.labels import from_outputs
from export.convert import to_onnx, to_saved_model
from export.forms import Form

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)


def test_every_form_predicts_what_keras_does(classifier: keras.Model, tmp_path: Path) -> None:
    to_onnx(classifier, [GENDER], {}, tmp_path / "model.onnx")
    to_saved_model(classifier, [GENDER], tmp_path / "saved_model")
    classifier.save(tmp_path / "model.keras")
    p_man = classifier.predict(IMAGES, verbose=0)
    for name, file in (("fp32", "model.onnx"), ("saved_model",) * 2, ("keras", "model.keras")):
        p = Form.open(name, tmp_path / file, [GENDER]).predict(IMAGES)
        assert p.shape == (5, 2)
        np.testing.assert_allclose(p, np.hstack([1 - p_man, p_man]), atol=1e-5)


ZOO = (
    Label(name="zebra stripes", classes=("none", "few", "many")),
    Label(name="Apes", classes=("no", "yes")),
    Label(name="m", classes=tuple(map(str, range(12)))),
)


@pytest.fixture(scope="module")
def many() -> keras.Model:
    """A model of three labels whose names are not in the order of the alphabet."""
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(0.02)(image))
    logits = keras.layers.Dense(16, name="logit")(keras.layers.GlobalAveragePooling2D()(x))
    outputs = {}
    for label, part in zip(ZOO, keras.ops.split(logits, [3, 4], axis=1), strict=True):
        kind = "sigmoid" if label.is_binary else "softmax"
        outputs[label.output] = keras.layers.Activation(kind, name=label.output)(part)
    return keras.Model(image, outputs)


def test_every_form_gives_the_classes_of_all_labels_in_their_order(
    many: keras.Model, tmp_path: Path
) -> None:
    to_onnx(many, ZOO, {}, tmp_path / "model.onnx")
    to_saved_model(many, ZOO, tmp_path / "saved_model")
    many.save(tmp_path / "model.keras")
    images = IMAGES[:, :16, :16]
    outputs = many.predict(images, verbose=0)
    expected = from_outputs(ZOO, [outputs[label.output] for label in ZOO])
    for name, file in (("fp32", "model.onnx"), ("saved_model",) * 2, ("keras", "model.keras")):
        p = Form.open(name, tmp_path / file, ZOO).predict(images)
        assert p.shape == (5, 3 + 2 + 12)
        np.testing.assert_allclose(p, expected, atol=1e-6)


def test_a_graph_has_an_output_a_label(many: keras.Model, tmp_path: Path) -> None:
    to_onnx(many, ZOO, {}, tmp_path / "model.onnx")
    outputs = onnx.load(tmp_path / "model.onnx").graph.output
    assert {value.name: shape_of(value) for value in outputs} == {
        "p_zebra_stripes": ["N", 3], "p_Apes": ["N", 1], "p_m": ["N", 12],
    }  # fmt: skip
    assert [value.name for value in outputs] == [label.output for label in ZOO]


def test_converting_several_labels_twice_gives_the_same_bytes(
    many: keras.Model, tmp_path: Path
) -> None:
    for turn in ("first", "second"):
        to_onnx(many, ZOO, {"backbone": "vgg16"}, tmp_path / turn)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def shape_of(value: onnx.ValueInfoProto) -> list[str | int]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_an_onnx_file_says_what_it_takes_and_gives(classifier: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    to_onnx(classifier, [GENDER], {"b": "2", "a": "1"}, path)
    model = onnx.load(path)
    shapes = {value.name: shape_of(value) for value in (*model.graph.input, *model.graph.output)}
    assert shapes == {"image": ["N", 64, 64, 3], "p_man": ["N", 1]}
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("a", "1"), ("b", "2")]


def test_the_graph_is_rewritten_for_onnxruntime(tmp_path: Path) -> None:
    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1.0)(image))
    x = keras.layers.MaxPooling2D(3, 2)(keras.layers.ZeroPadding2D(1)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    p_man = keras.layers.Dense(1, activation="sigmoid", name="p_man")(x)
    to_onnx(keras.Model(image, p_man), [GENDER], {}, tmp_path / "model.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert "MaxPool" in kinds and "Pad" not in kinds


def test_a_saved_model_has_one_copy_of_the_weights(classifier: keras.Model, tmp_path: Path) -> None:
    to_saved_model(classifier, [GENDER], tmp_path / "saved_model")
    stored = tf.train.load_checkpoint(str(tmp_path / "saved_model/variables/variables"))
    sizes = [np.prod(shape) for shape in stored.get_variable_to_shape_map().values() if shape]
    assert sum(sizes) == classifier.count_params()


def test_converting_twice_gives_the_same_bytes(
    classifier: keras.Model, onnx_file: Path, tmp_path: Path
) -> None:
    to_onnx(classifier, [GENDER], {}, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == onnx_file.read_bytes()
