"""Where a backbone's weights come from: ImageNet (downloaded), a local folder, or none."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
from onnx import numpy_helper

from data.messages import one_line
from tuning.backbones.registry import Backbone, bgr_to_rgb

GOOGLENET_URL = "https://huggingface.co/onnxmodelzoo/googlenet-12/resolve/main/googlenet-12.onnx"
Arrays = dict[str, list[np.ndarray]]


class WeightsError(RuntimeError):
    """Pretrained weights that can't be had or don't fit; the message names the ways out."""


@dataclass(frozen=True)
class Weights:
    """A backbone's weights, for RGB input.

    Attributes:
        source: "imagenet", a file's name, or "none".
        layers: Arrays of each layer with weights, in Keras's order.
        fingerprint: SHA-256 over all of them, hex.

    Example:
        >>> kernel, bias = np.zeros((3, 3), np.float32), np.zeros(3, np.float32)
        >>> Weights("none", {"dense": [kernel, bias]}, fingerprint="0" * 64).count
        12
    """

    source: str
    layers: Arrays
    fingerprint: str

    @property
    def count(self) -> int:
        """Number of all weights."""
        return sum(array.size for arrays in self.layers.values() for array in arrays)


def load(backbone: Backbone, source: str, seed: int = 0) -> Weights:
    """Load the weights of a backbone.

    Args:
        backbone: Entry of the registry.
        source: "imagenet" (Keras's own files, for GoogLeNet the ONNX Model Zoo's), "none" (random)
            or a folder with `<backbone>.weights.h5` or `<backbone>….h5`, `googlenet….onnx`.
        seed: Seed of the random weights when source is "none".

    Raises:
        WeightsError: There is no network, no such folder or file, or the file does not fit.

    Example:
        >>> from tuning.backbones.registry import BACKBONES
        >>> weights = load(BACKBONES["googlenet"], "none")
        >>> len(weights.layers), weights.layers["conv1_7x7_s2"][0].shape
        (57, (7, 7, 3, 64))
    """
    if source == "none":
        keras.utils.set_random_seed(seed)
        return _finish("none", backbone, _of_model(_plain(backbone)))
    if source == "imagenet":
        return _finish("imagenet", backbone, _download(backbone))
    path = _find(backbone, Path(source))
    try:
        layers = _of_onnx(backbone, path) if path.suffix == ".onnx" else _of_h5(backbone, path)
    except Exception as error:
        raise WeightsError(
            f"{path} does not hold {backbone.title} weights without classifier: "
            f"{one_line(error, 200)}"
        ) from error
    return _finish(path.name, backbone, layers)


def _finish(source: str, backbone: Backbone, layers: Arrays) -> Weights:
    if source != "none":
        kernel, *bias = layers[backbone.first_conv]
        layers[backbone.first_conv] = [bgr_to_rgb(kernel), *bias]
    digest = hashlib.sha256()
    for name in sorted(layers):
        digest.update(name.encode())
        for array in layers[name]:
            digest.update(array.tobytes())
    return Weights(source, layers, digest.hexdigest())


def _plain(backbone: Backbone) -> keras.Model:
    image = keras.Input((None, None, 3))
    return keras.Model(image, backbone.build(image))


def _of_model(model: keras.Model) -> Arrays:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def _of_h5(backbone: Backbone, path: Path) -> Arrays:
    model = _plain(backbone)
    model.load_weights(path)
    return _of_model(model)


def _of_onnx(backbone: Backbone, path: Path) -> Arrays:
    """Read GoogLeNet's initializers, which carry Caffe's layer names (`conv1/7x7_s2_w_0`)."""
    found = {
        init.name.replace("/", "_"): numpy_helper.to_array(init)
        for init in onnx.load(path).graph.initializer
    }
    layers = {}
    for layer in _plain(backbone).layers:
        if not layer.weights:
            continue
        arrays = [found[f"{layer.name}_w_0"].transpose(2, 3, 1, 0), found[f"{layer.name}_b_0"]]
        shapes = [array.shape for array in arrays]
        if shapes != [tuple(weight.shape) for weight in layer.weights]:
            raise ValueError(f"layer {layer.name} has shapes {shapes}")
        layers[layer.name] = arrays
    return layers


def _download(backbone: Backbone) -> Arrays:
    try:
        if backbone.name == "googlenet":
            file = keras.utils.get_file(
                "googlenet-12.onnx",
                GOOGLENET_URL,
                cache_subdir="models",
                cache_dir=os.environ.get("KERAS_HOME"),
            )
            return _of_onnx(backbone, Path(file))
        application = getattr(keras.applications, backbone.title)
        return _of_model(application(include_top=False, weights="imagenet"))
    except Exception as error:
        raise WeightsError(
            f"ImageNet weights of {backbone.title} could not be downloaded "
            f"({one_line(error, 200)}). Go on with a network, with WEIGHTS=<folder> that holds "
            f"{' or '.join(_file_names(backbone))}, or with WEIGHTS=none for a random start."
        ) from error


def _file_names(backbone: Backbone) -> tuple[str, ...]:
    if backbone.name == "googlenet":
        return ("googlenet*.onnx", "googlenet*.h5")
    return (f"{backbone.name}.weights.h5", f"{backbone.name}_*notop*.h5")


def _find(backbone: Backbone, folder: Path) -> Path:
    if not folder.is_dir():
        raise WeightsError(f"WEIGHTS={folder} is not a folder; give one, or 'imagenet', or 'none'")
    names = _file_names(backbone)
    for pattern in names:
        matches = sorted(folder.glob(pattern))
        if matches:
            return matches[0]
    raise WeightsError(
        f"no weights of {backbone.title} in {folder}: looked for {' and '.join(names)}"
    )
