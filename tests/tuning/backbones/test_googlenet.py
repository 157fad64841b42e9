from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
from layer_by_layer import outputs_of
from onnx import numpy_helper

from data import decode, to_square
from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel


def test_googlenet_gives_the_probabilities_of_the_onnx_graph(
    real_weights: Path, real_data: Path
) -> None:
    """The Keras GoogLeNet, with its classifier put back, against the graph in onnxruntime."""
    path = next(real_weights.glob("googlenet*.onnx"))
    pictures = sorted(real_data.rglob("*.jpg"))[:6]
    pixels = np.stack([to_square(decode(picture), 224) for picture in pictures])
    backbone = BACKBONES["googlenet"]
    model = TransferModel(backbone, 224, weights.load(backbone, str(path.parent)))
    initializers = {i.name: numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    [maps] = outputs_of(model.trunk([len(backbone.stages)]), pixels)
    features = maps.mean(axis=(1, 2))
    logits = (
        features @ initializers["loss3/classifier_w_0"].T + initializers["loss3/classifier_b_0"]
    )
    ours = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    bgr = pixels[..., ::-1].astype(np.float32) - np.float32([104, 117, 123])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    theirs = [session.run(None, {name: x[None].transpose(0, 3, 1, 2)})[0][0] for x in bgr]
    assert np.abs(ours - np.stack(theirs)).max() < 1e-4
