"""Logits of a trained tail, for activations or images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tuning.backbones.transfer_model import TransferModel
from tuning.half_floats import tensor_of
from tuning.runs.schema import Hyperparameters
from tuning.training import tail_weights
from tuning.training.batches import ActivationArray, Examples
from tuning.training.feed import read_ahead
from tuning.training.tail_graphs import Form, tail_graphs
from tuning.training.tail_weights import TailWeights

_BATCH_SIZE = 128


def predict(
    model: TransferModel, hyperparameters: Hyperparameters, tail: TailWeights, examples: Examples
) -> np.ndarray:
    """Predict the logits of examples by a trained tail, in their plain view.

    Args:
        model: Backbone with pretrained weights; its layers get those of the tail, and `restore`
            brings the pretrained ones back.
        hyperparameters: Hyperparameters of the tail, at any depth.
        tail: Weights of the tail.
        examples: Examples at its cut, or images.

    Returns:
        Logits of all labels side by side, float32 [N, width].
    """
    form = Form.of(hyperparameters, len(tail["logit/bias"]), examples)
    graphs = tail_graphs(model, form)
    model.restore()
    tail_weights.put(graphs.tail, tail)
    return predict_logits(graphs.logits, examples)


def predict_logits(graph: Callable[[tf.Tensor], tf.Tensor], examples: Examples) -> np.ndarray:
    """Predict the logits of examples, in their plain view, batch by batch.

    Args:
        graph: Function of rows [n, ...] that returns their logits [n, width].
        examples: Examples to predict.

    Returns:
        float32 [N, width].

    Example:
        >>> examples = Examples([np.arange(3, dtype=np.float16)[:, None]], np.zeros((3, 1), int))
        >>> predict_logits(lambda rows: 2 * rows, examples).tolist()
        [[0.0], [2.0], [4.0]]
    """
    plain: ActivationArray = examples.views[0]

    def read(start: int) -> np.ndarray:
        return plain[np.arange(start, min(start + _BATCH_SIZE, len(examples)))]

    batches = read_ahead(read, range(0, len(examples), _BATCH_SIZE))
    return np.concatenate([graph(tensor_of(rows)).numpy() for rows in batches])
