from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from data import GENDER
from export.convert import to_onnx
from export.quantize import Quantizer, Recipe

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), np.uint8)


def quantize(model: Path, recipe: Recipe, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    Quantizer(model, IMAGES, np.arange(40), folder).quantize(recipe, folder / "int8.onnx")
    return folder / "int8.onnx"


def weights_in_int8(path: Path) -> list[bool]:
    """Of each convolution in order, whether its weights are integers."""
    graph = onnx.load(path).graph
    integers = {out for node in graph.node if "Dequantize" in node.op_type for out in node.output}
    return [node.input[1] in integers for node in graph.node if node.op_type == "Conv"]


@pytest.mark.parametrize(
    ("recipe", "in_int8"),
    [
        (Recipe("minmax"), [True, True, True]),
        (Recipe("percentile"), [True, True, True]),
        (Recipe("minmax", float_ends=1), [False, True, False]),
    ],
    ids=str,
)
def test_the_ends_stay_float_on_demand(
    onnx_file: Path, tmp_path: Path, recipe: Recipe, in_int8: list[bool]
) -> None:
    assert weights_in_int8(quantize(onnx_file, recipe, tmp_path)) == in_int8


def test_noisy_layers_stay_float_on_demand(onnx_file: Path, tmp_path: Path) -> None:
    path = quantize(onnx_file, Recipe("minmax", float_noisy=2 / 3), tmp_path)
    assert sum(weights_in_int8(path)) == 1


def test_quantizing_twice_gives_the_same_bytes(onnx_file: Path, tmp_path: Path) -> None:
    recipe = Recipe("percentile", float_ends=1)
    files = [quantize(onnx_file, recipe, tmp_path / turn) for turn in ("first", "second")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_facts_in_the_file_stay(classifier: keras.Model, tmp_path: Path) -> None:
    to_onnx(classifier, [GENDER], {"backbone": "vgg16"}, tmp_path / "model.onnx")
    model = onnx.load(quantize(tmp_path / "model.onnx", Recipe("minmax"), tmp_path))
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("backbone", "vgg16")]


def test_no_images_to_calibrate_on_are_an_error(onnx_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one image"):
        Quantizer(onnx_file, IMAGES, np.arange(0), tmp_path)


def test_convolutions_of_equal_weights_are_quantized_apart(tmp_path: Path) -> None:
    """The converter lets them share a tensor, which some kernels of onnxruntime can't open."""
    image = keras.Input((64, 64, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1.0)(image)
    for _ in range(3):
        x = keras.layers.Conv2D(3, 3, padding="same", activation="relu")(x)
    x = keras.ops.sqrt(keras.layers.GlobalAveragePooling2D()(x) + 0.01)
    model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid", name="p_man")(x))
    first, *others = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    for layer in others:
        layer.set_weights(first.get_weights())
    to_onnx(model, [GENDER], {}, tmp_path / "model.onnx")
    graph = onnx.load(quantize(tmp_path / "model.onnx", Recipe("minmax"), tmp_path)).graph
    weights = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    of = {node.output[0]: node.input[0] for node in graph.node if "Dequantize" in node.op_type}
    assert len({of[name] for name in weights}) == 3
