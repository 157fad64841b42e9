"""Small graphs that look at known places of an image, or are random convolutional networks."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_bundles import make_info

from data import GENDER, Label
from inference import Classifier, bundle, whole_image

SIZE = 32
MAP = "map"


def info_of(label: Label = GENDER, has_map: bool = False) -> bundle.BundleInfo:
    info = make_info(of=[label], input={"size": SIZE, "framing": "stretch"})
    facts = info.labels[0].model_copy(update={"class_activations": MAP if has_map else None})
    return info.model_copy(update={"labels": (facts,)})


def corner_model(folder: Path, has_map: bool = False) -> Classifier:
    """Says "man" the brighter the upper right corner is, whatever lies elsewhere."""
    seen = np.zeros((SIZE, SIZE, 1), np.float32)
    seen[:8, -8:] = 0.03
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "seen"], ["products"]),
        helper.make_node("ReduceMean", ["products"], ["gray"], axes=[3]),
        helper.make_node("Transpose", ["gray"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["turned"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Transpose", ["cells"], [MAP], perm=[0, 2, 3, 1]),
        helper.make_node("ReduceSum", [MAP, "space"], ["logit"], keepdims=0),
        helper.make_node("Add", ["logit", "bias"], ["shifted"]),
        helper.make_node("Sigmoid", ["shifted"], ["p_man"]),
    ]
    constants = {"seen": seen, "space": np.array([1, 2]), "bias": np.float32([-3.0])}
    return _classifier(folder, info_of(has_map=has_map), nodes, constants)


def random_network(
    folder: Path, seed: int, label: Label = GENDER, has_map: bool = False
) -> Classifier:
    """Two random convolutions, averaged, and a linear head on them."""
    rng, width = np.random.default_rng(seed), label.width
    constants = {
        "w1": rng.normal(0, 0.05, (16, 3, 5, 5)).astype(np.float32),
        "w2": rng.normal(0, 0.1, (32, 16, 3, 3)).astype(np.float32),
        "head": rng.normal(0, 0.4, (32, width)).astype(np.float32),
        "mean": np.float32([127.5]),
        "scale": np.float32([1 / 64]),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["float", "mean"], ["centered"]),
        helper.make_node("Mul", ["centered", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["turned", "w1"], ["c1"], strides=[2, 2], pads=[2] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Transpose", ["r2"], ["channels_last"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["channels_last", "head"], [MAP]),
        helper.make_node("ReduceMean", [MAP], ["logit"], axes=[1, 2], keepdims=0),
        helper.make_node("Sigmoid", ["logit"], [label.output])
        if label.is_binary
        else helper.make_node("Softmax", ["logit"], [label.output], axis=1),
    ]
    return _classifier(folder, info_of(label, has_map), nodes, constants)


def _classifier(
    folder: Path,
    info: bundle.BundleInfo,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
) -> Classifier:
    [label] = info.classes
    outputs = [helper.make_tensor_value_info(label.output, TensorProto.FLOAT, ["N", label.width])]
    if info.labels[0].class_activations:
        shape = ["N", "h", "w", label.width]
        outputs.append(helper.make_tensor_value_info(MAP, TensorProto.FLOAT, shape))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "looking", [image], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, bundle.to_metadata(info))
    path = folder / "model.onnx"
    onnx.save(model, path)
    return Classifier.from_onnx(path, 1, whole_image)
