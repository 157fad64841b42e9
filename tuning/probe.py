"""What a backbone costs on this machine, from a few steps on one batch: plans are made from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tuning.cache import compiled
from tuning.model import HeadConfig, TransferModel, pooled_statistics
from tuning.presets import Cost
from tuning.training import compile_tail

_STEPS = 5


class Probe:
    """Times the passes and training steps of a backbone.

    The fastest of a few counts: what else the machine does for a moment must not decide the plan.

    Args:
        model: with its pretrained weights; it has them again after each measurement.
        images: uint8 [N, size, size, 3], a batch.
        labels: 0 or 1, [N].
    """

    def __init__(self, model: TransferModel, images: np.ndarray, labels: np.ndarray) -> None:
        self._model = model
        self._images = images
        self._labels = labels.astype(np.float32)[:, None]

    def pass_seconds(self) -> float:
        """Seconds an image takes through the frozen backbone."""
        forward = compiled(self._model.trunk([0]))
        _, seconds = _first_and_fastest(lambda: forward(self._images)[0].numpy())
        return seconds / len(self._images)

    def cost(self, depth: int, examples: int) -> Cost:
        """Of training at a fine-tuning depth on so many examples."""
        features, inputs = self._activations(sorted({0, depth}))
        model = self._model
        tail = model.tail(depth, model.head(HeadConfig(0, 0.0, *pooled_statistics(features))))
        compile_tail(tail, 1e-9)
        start, step = _first_and_fastest(lambda: tail.train_on_batch(inputs, self._labels))
        model.restore()
        return Cost(start, step * examples / len(self._images))

    def _activations(self, depths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The pooled features and what a tail at the last of `depths` takes."""
        frozen = [depth for depth in depths if depth < self._model.backbone.max_depth]
        outputs = [
            tf.cast(output, tf.float32).numpy()
            for output in compiled(self._model.trunk(frozen))(self._images)
        ]
        return outputs[0], outputs[-1] if frozen == list(depths) else self._images


def _first_and_fastest(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the first call, which makes the graph, and of the fastest further one."""
    times = []
    for _ in range(1 + _STEPS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return times[0], min(times[1:])
