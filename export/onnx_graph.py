"""A Keras classifier as a plain ONNX graph, by the parts of tf2onnx that need little memory.

`tf2onnx.convert.from_function` copies all weights some sixty times: TensorFlow freezes variables in
ten copies, and each optimizer works on a copy that stays until Python looks for cycles.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import onnx
import tensorflow as tf
from tf2onnx import optimizer, tf_loader, tfonnx

from data import Label
from data.labels import by_output
from tuning.backbones.transfer_model import INPUT_NAME

# The others look for loops, einsums and the like, which no classifier has.
_OPTIMIZERS = {
    "transposes": optimizer.TransposeOptimizer,
    "constants": optimizer.ConstFoldOptimizer,
    "duplicates": optimizer.MergeDuplicatedNodesOptimizer,
    "pooling": optimizer.GlobalPoolOptimizer,
    "identities": optimizer.IdentityOptimizer,
    "neighbors": optimizer.BackToBackOptimizer,
}


def to_model(
    classifier: keras.Model, labels: Sequence[Label], opset: int, activations: Sequence[str] = ()
) -> onnx.ModelProto:
    """Convert a classifier; names, metadata and the order of the outputs are tf2onnx's.

    Args:
        classifier: Winner of a run.
        labels: The labels of the winner.
        opset: Version of ONNX's operators.
        activations: Names of the classifier's outputs that the graph gives beside the labels'.

    Example:
        >>> from data import GENDER
        >>> pixels = keras.Input((2, 2, 3), dtype="uint8")
        >>> means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
        >>> model = to_model(keras.Model(pixels, keras.layers.Dense(1)(means)), [GENDER], 17)
        >>> [value.name for value in (*model.graph.input, *model.graph.output)]
        ['image', 'p_man']
    """
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    names: dict[str, str] = {}
    graph = _imported(_folded(_traced(classifier, labels, activations, names), names))
    with graph.as_default():
        converted = tfonnx.process_tf_graph(
            graph,
            opset=opset,
            input_names=[f"{INPUT_NAME}:0"],
            output_names=list(names),
            tensors_to_rename={f"{INPUT_NAME}:0": INPUT_NAME, **names},
        )
    del graph
    with _quick_collections():
        made = {name: _after_collection(make) for name, make in _OPTIMIZERS.items()}
        return optimizer.optimize_graph(converted, optimizers=made).make_model("")


def _traced(
    classifier: keras.Model,
    labels: Sequence[Label],
    activations: Sequence[str],
    names: dict[str, str],
) -> Any:
    """TensorFlow's graph with the weights as constants; `names` gets the outputs' by tensor."""
    parts = (classifier.trainable_variables, classifier.non_trainable_variables)
    arrays = [{variable.path: variable.numpy() for variable in part} for part in parts]
    with tf.Graph().as_default() as graph:
        shape = (None, *classifier.input_shape[1:])
        image = tf.compat.v1.placeholder(tf.uint8, shape, INPUT_NAME)
        weights = [[tf.constant(a, name=path) for path, a in part.items()] for part in arrays]
        given, _ = classifier.stateless_call(*weights, image, training=False)
        outputs = by_output(labels, given) | {name: given[name] for name in activations}
        names |= {tensor.name: name for name, tensor in outputs.items()}
        return graph.as_graph_def(add_shapes=True)


def _folded(graph_def: Any, names: Mapping[str, str]) -> Any:
    with tf.Graph().as_default():
        return tf_loader.tf_optimize([f"{INPUT_NAME}:0"], list(names), graph_def)


def _imported(graph_def: Any) -> tf.Graph:
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    return graph


def _after_collection(make: Callable[[], Any]) -> Callable[[], Any]:
    """Free what earlier optimizers left, whose nodes and graphs refer to each other."""

    def collect_and_make() -> Any:
        gc.collect()
        return make()

    return collect_and_make


@contextmanager
def _quick_collections() -> Iterator[None]:
    """Let collections pass over what is there now: TensorFlow has a million objects."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.collect()
