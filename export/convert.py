"""A Keras classifier as SavedModel and ONNX."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import onnx
import tensorflow as tf

from data import Label
from data.labels import by_output
from export import onnx_graph
from export.graph_rewrites import rewrite
from tuning.backbones.transfer_model import INPUT_NAME

OPSET = 17
IR_VERSION = 10  # read by every onnxruntime since 1.18


def to_saved_model(classifier: keras.Model, labels: Sequence[Label], folder: Path) -> None:
    """Write a SavedModel whose `serve`, also its default signature, predicts all labels.

    It takes `image`, uint8 RGB [N, s, s, 3], and gives float32 [N, width] for each label, by the
    names of `Label.output`.

    Args:
        classifier: Winner of a run.
        labels: The labels of the winner.
        folder: Folder to write; must not exist.

    Raises:
        OSError: The folder cannot be written.

    Example:
        >>> import tempfile
        >>> from data import GENDER
        >>> pixels = keras.Input((2, 2, 3), dtype="uint8")
        >>> means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
        >>> folder = Path(tempfile.mkdtemp(), "saved_model")
        >>> classifier = keras.Model(pixels, keras.layers.Dense(1)(means))
        >>> to_saved_model(classifier, [GENDER], folder)
        >>> model = tf.saved_model.load(folder)
        >>> model.serve(tf.zeros((5, 2, 2, 3), tf.uint8))["p_man"].shape
        TensorShape([5, 1])
    """
    # Not Keras's ExportArchive: it stores every weight twice.
    module = tf.Module()
    module.weights = [variable.value for variable in classifier.variables]
    module.serve = tf.function(_named(classifier, labels), input_signature=[_signature(classifier)])
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def to_onnx(
    classifier: keras.Model,
    labels: Sequence[Label],
    metadata: Mapping[str, str],
    path: Path,
    activations: Sequence[str] = (),
) -> None:
    """Write an ONNX file, with N dynamic, that predicts all labels as `to_saved_model` says.

    The outputs are in the order of the labels. The same classifier and metadata give the same
    bytes.

    Args:
        classifier: Winner of a run.
        labels: The labels of the winner.
        metadata: Texts by name that are put into the file, so that it can be used alone.
        path: Path of the ONNX file, replaced if it is there.
        activations: Names of the classifier's outputs that are written behind those of the labels,
            see `tuning.backbones.class_activations`.

    Raises:
        onnx.checker.ValidationError: The conversion made an invalid graph.
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> from data import GENDER
        >>> pixels = keras.Input((2, 2, 3), dtype="uint8")
        >>> means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
        >>> classifier = keras.Model(pixels, keras.layers.Dense(1)(means))
        >>> path = Path(tempfile.mkdtemp(), "model.onnx")
        >>> to_onnx(classifier, [GENDER], {"backbone": "vgg16"}, path)
        >>> model = onnx.load(path)
        >>> model.graph.output[0].name, model.metadata_props[0].value
        ('p_man', 'vgg16')
    """
    model = onnx_graph.to_model(classifier, labels, OPSET, activations)
    _order(model.graph, [*(label.output for label in labels), *activations])
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


def _named(
    classifier: keras.Model, labels: Sequence[Label]
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    return lambda image: by_output(labels, classifier(image, training=False))


def _order(graph: onnx.GraphProto, names: Sequence[str]) -> None:
    """Put the outputs, which TensorFlow sorts by name, into their order."""
    outputs = {value.name: value for value in graph.output}
    del graph.output[:]
    graph.output.extend(outputs[name] for name in names)


def _name_batch(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"


def _rename(graph: onnx.GraphProto) -> None:
    """Names and order that depend on the graph alone: the converter counts what it did before.

    Of what head and heat map compute alike it keeps the one or the other, so neither is in a name.
    """
    fixed = {value.name: value.name for value in (*graph.input, *graph.output)}
    names, taken = {**fixed, "": ""}, Counter(fixed)

    def renamed(name: str) -> str:
        if name not in names:
            plain = re.sub(r"__\d+|:\d+|\b(head|standardized)(_\d+)?/", "", name)
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
