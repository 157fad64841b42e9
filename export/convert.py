"""A Keras classifier as SavedModel and ONNX."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import onnx
import tensorflow as tf
import tf2onnx

from export.graph_rewrites import rewrite
from tuning.backbones.transfer_model import INPUT_NAME, OUTPUT_NAME

OPSET = 17
IR_VERSION = 10  # read by every onnxruntime since 1.18


def to_saved_model(classifier: keras.Model, folder: Path) -> None:
    """Write a SavedModel whose `serve`, also its default signature, is `image` -> `p_man`.

    There `image` is uint8 RGB [N, s, s, 3] and `p_man` float32 [N, 1].

    Args:
        classifier: Winner of a run.
        folder: Folder to write; must not exist.

    Raises:
        OSError: The folder cannot be written.

    Example:
        >>> import tempfile
        >>> pixels = keras.Input((2, 2, 3), dtype="uint8")
        >>> means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
        >>> folder = Path(tempfile.mkdtemp(), "saved_model")
        >>> to_saved_model(keras.Model(pixels, keras.layers.Dense(1)(means)), folder)
        >>> model = tf.saved_model.load(folder)
        >>> model.serve(tf.zeros((5, 2, 2, 3), tf.uint8))["p_man"].shape
        TensorShape([5, 1])
    """
    # Not Keras's ExportArchive: it stores every weight twice.
    module = tf.Module()
    module.weights = [variable.value for variable in classifier.variables]
    module.serve = tf.function(_named(classifier), input_signature=[_signature(classifier)])
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def to_onnx(classifier: keras.Model, metadata: Mapping[str, str], path: Path) -> None:
    """Write an ONNX file: `image` uint8 RGB [N, s, s, 3] -> `p_man` float32 [N, 1], N dynamic.

    The same classifier and metadata give the same bytes.

    Args:
        classifier: Winner of a run.
        metadata: Texts by name that are put into the file, so that it can be used alone.
        path: Path of the ONNX file, replaced if it is there.

    Raises:
        onnx.checker.ValidationError: The conversion made an invalid graph.
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> pixels = keras.Input((2, 2, 3), dtype="uint8")
        >>> means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
        >>> classifier = keras.Model(pixels, keras.layers.Dense(1)(means))
        >>> path = Path(tempfile.mkdtemp(), "model.onnx")
        >>> to_onnx(classifier, {"backbone": "vgg16"}, path)
        >>> model = onnx.load(path)
        >>> model.graph.output[0].name, model.metadata_props[0].value
        ('p_man', 'vgg16')
    """
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    model, _ = tf2onnx.convert.from_function(
        tf.function(_named(classifier)), input_signature=[_signature(classifier)], opset=OPSET
    )
    _name_batch(model.graph)
    rewrite(model.graph)
    _rename(model.graph)
    model.producer_name = "tf2onnx"
    finish(model, metadata)
    onnx.save(model, path)


def finish(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    """Leave in a model only what belongs there, and check it.

    Args:
        model: Model, changed in place: metadata replaced, unused operator sets dropped, the file
            format one that older programs can read.
        metadata: Texts by name that are put into the model in place of its own.

    Raises:
        onnx.checker.ValidationError: The graph is not valid.

    Example:
        >>> from onnx import TensorProto, helper
        >>> x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N"]) for n in "xy")
        >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
        >>> opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("unused", 1)]
        >>> model = helper.make_model(graph, opset_imports=opsets)
        >>> finish(model, {"backbone": "vgg16"})
        >>> len(model.opset_import), model.metadata_props[0].value
        (1, 'vgg16')
    """
    model.ir_version = IR_VERSION
    used = {node.domain for node in model.graph.node}
    opsets = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:], model.metadata_props[:]
    model.opset_import.extend(opsets)
    for key, value in sorted(metadata.items()):
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)


def _signature(classifier: keras.Model) -> tf.TensorSpec:
    return tf.TensorSpec((None, *classifier.input_shape[1:]), tf.uint8, name=INPUT_NAME)


def _named(classifier: keras.Model) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT_NAME: classifier(image, training=False)}

    return serve


def _name_batch(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"


def _rename(graph: onnx.GraphProto) -> None:
    """Names and order that depend on the graph alone: the converter counts what it did before."""
    fixed = {value.name: value.name for value in (*graph.input, *graph.output)}
    names, taken = {**fixed, "": ""}, Counter(fixed)

    def renamed(name: str) -> str:
        if name not in names:
            plain = re.sub(r"__\d+|:\d+", "", name)
            taken[plain] += 1
            names[name] = plain if taken[plain] == 1 else f"{plain}.{taken[plain]}"
        return names[name]

    for number, node in enumerate(graph.node):
        node.name = f"{number:03} {node.op_type}"
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    used = [tensor for tensor in graph.initializer if tensor.name in names]
    for tensor in used:
        tensor.name = names[tensor.name]
    used.sort(key=lambda tensor: tensor.name)
    del graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(used)
    graph.name, graph.doc_string = "classifier", ""
