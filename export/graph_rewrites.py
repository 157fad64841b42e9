"""Rewrites of an ONNX graph that keep what it computes and make it faster in onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

WINDOW_SUM = "window_sum"
"""In the names of convolutions that only sum neighbors: they stay float in INT8."""


def rewrite(graph: onnx.GraphProto) -> None:
    """Apply all rewrites in place; the order of the nodes stays topological.

    Padding with zeros before a MaxPool goes into the MaxPool where nothing is negative, and LRN
    is replaced by operators that onnxruntime computes faster.

    Args:
        graph: Graph of a classifier, opset 13 or later.

    Example:
        >>> nodes = [
        ...     helper.make_node("Relu", ["x"], ["r"]),
        ...     helper.make_node("Pad", ["r", "pads"], ["p"]),
        ...     helper.make_node("MaxPool", ["p"], ["y"], kernel_shape=[3, 3]),
        ... ]
        >>> pads = numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads")
        >>> x, y = (helper.make_tensor_value_info(n, 1, [1, 8, 7, 7]) for n in "xy")
        >>> graph = helper.make_graph(nodes, "three nodes", [x], [y], [pads])
        >>> rewrite(graph)
        >>> [node.op_type for node in graph.node]
        ['Relu', 'MaxPool']
    """
    _pad_in_pools(graph)
    _replace_normalization(graph)


def _pad_in_pools(graph: onnx.GraphProto) -> None:
    """Let MaxPool do the padding before it: zeros do not count where nothing is negative."""
    producers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for pool in [node for node in graph.node if node.op_type == "MaxPool"]:
        pad = producers.get(pool.input[0])
        if pad is None or pad.op_type != "Pad" or pad.input[1] not in constants:
            continue
        # Beginnings of N, C, H and W, then their ends.
        pads = numpy_helper.to_array(constants[pad.input[1]])
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in pool.attribute}
        if any(attributes.get("pads", ())) or pads[[0, 1, 4, 5]].any() or (pads < 0).any():
            continue
        if _constant(pad, constants) or not _never_negative(pad.input[0], producers):
            continue
        attributes.pop("auto_pad", None)
        attributes["pads"] = pads[[2, 3, 6, 7]].tolist()
        del pool.attribute[:]
        pool.attribute.extend(helper.make_attribute(*entry) for entry in attributes.items())
        pool.input[0] = pad.input[0]
    used = {name for node in graph.node for name in node.input}
    unused = [node for node in graph.node if node.op_type == "Pad" and node.output[0] not in used]
    for node in unused:
        graph.node.remove(node)


def _constant(pad: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> float:
    value = constants.get(pad.input[2]) if len(pad.input) > 2 else None
    return float(numpy_helper.to_array(value).item()) if value is not None else 0.0


def _never_negative(name: str, producers: dict[str, onnx.NodeProto]) -> bool:
    node = producers.get(name)
    if node is None:
        return False
    if node.op_type == "Concat":
        return all(_never_negative(part, producers) for part in node.input)
    if node.op_type in ("LRN", "MaxPool"):
        return _never_negative(node.input[0], producers)
    return node.op_type == "Relu"


def _replace_normalization(graph: onnx.GraphProto) -> None:
    """Replace LRN, which onnxruntime computes with a slow power, where the exponent is 3/4.

    x / t^(3/4) is x / (sqrt(t) sqrt(sqrt(t))), and t, a sum over neighboring channels, is a
    1 x 1 convolution of the squares.
    """
    channels = {
        value.name: value.type.tensor_type.shape.dim[1].dim_value
        for value in onnx.shape_inference.infer_shapes(helper.make_model(graph)).graph.value_info
        if len(value.type.tensor_type.shape.dim) == 4
    }
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        width = channels.get(node.input[0] if node.input else "", 0)
        if node.op_type != "LRN" or attributes.get("beta", 0.75) != 0.75 or not width:
            graph.node.append(node)
            continue
        graph.node.extend(_normalization(node, attributes, width, graph))


def _normalization(
    node: onnx.NodeProto, attributes: dict[str, float], channels: int, graph: onnx.GraphProto
) -> list[onnx.NodeProto]:
    size = int(attributes["size"])
    offsets = np.subtract.outer(np.arange(channels), np.arange(channels))
    near = np.abs(offsets) <= size // 2  # onnxruntime takes odd sizes only
    weights = (near * (attributes.get("alpha", 1e-4) / size)).astype(np.float32)
    bias = np.full(channels, attributes.get("bias", 1.0), np.float32)
    x, y, name = node.input[0], node.output[0], node.name
    graph.initializer.append(numpy_helper.from_array(weights[..., None, None], f"{name}/window"))
    graph.initializer.append(numpy_helper.from_array(bias, f"{name}/bias"))
    steps = [
        ("Mul", [x, x], f"{name}/square"),
        ("Conv", [f"{name}/square", f"{name}/window", f"{name}/bias"], f"{name}/{WINDOW_SUM}"),
        ("Sqrt", [f"{name}/{WINDOW_SUM}"], f"{name}/root"),
        ("Sqrt", [f"{name}/root"], f"{name}/fourth_root"),
        ("Mul", [f"{name}/root", f"{name}/fourth_root"], f"{name}/power"),
        ("Div", [x, f"{name}/power"], y),
    ]
    return [
        helper.make_node(kind, inputs, [output], name=output if output != y else f"{name}/divide")
        for kind, inputs, output in steps
    ]
