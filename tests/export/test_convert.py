from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf

from export.convert import to_onnx, to_saved_model
from export.forms import Form

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


def test_every_form_predicts_what_keras_does(classifier: keras.Model, tmp_path: Path) -> None:
    to_onnx(classifier, {}, tmp_path / "model.onnx")
    to_saved_model(classifier, tmp_path / "saved_model")
    classifier.save(tmp_path / "model.keras")
    expected = classifier.predict(IMAGES, verbose=0)
    for name, file in (("fp32", "model.onnx"), ("saved_model",) * 2, ("keras", "model.keras")):
        p_man = Form.open(name, tmp_path / file).predict(IMAGES)
        assert p_man.dtype == np.float32 and p_man.shape == (5, 1)
        np.testing.assert_allclose(p_man, expected, atol=1e-5)


def test_an_onnx_file_says_what_it_takes_and_gives(classifier: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    to_onnx(classifier, {"b": "2", "a": "1"}, path)
    model = onnx.load(path)
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"image": ["N", 32, 32, 3], "p_man": ["N", 1]}
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("a", "1"), ("b", "2")]


def test_a_saved_model_has_one_copy_of_the_weights(classifier: keras.Model, tmp_path: Path) -> None:
    to_saved_model(classifier, tmp_path / "saved_model")
    stored = tf.train.load_checkpoint(str(tmp_path / "saved_model/variables/variables"))
    sizes = [np.prod(shape) for shape in stored.get_variable_to_shape_map().values() if shape]
    assert sum(sizes) == classifier.count_params()


def test_converting_twice_gives_the_same_bytes(
    classifier: keras.Model, onnx_file: Path, tmp_path: Path
) -> None:
    to_onnx(classifier, {}, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == onnx_file.read_bytes()
