"""How fast a backbone is on this machine, from a few steps on one batch: plans follow from it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import tensorflow as tf

from data import ImageStore, Label
from data.labels import codes_of
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.training.loss import LabelLoss
from tuning.training.tail import compile_tail
from tuning.training.trial import BATCH_SIZE
from tuning.trunk.forward_pass import compiled

_STEPS = 5


class Probe:
    """Times the passes and training steps of a backbone on one batch of training images.

    It takes medians: what else the machine does for a moment must not decide the plan.

    Args:
        model: Model with its pretrained weights; it has them again after each measurement.
        store: Decoded images of the run.
        labels: Labels that are learned.
        depths: Fine-tuning depths that may be measured, 0 among them.

    Attributes:
        pass_seconds: Time of one image through the frozen backbone, seconds.
        bytes: Size of the activations of one image in one view at each depth below `max_depth`.
    """

    def __init__(
        self,
        model: TransferModel,
        store: ImageStore,
        labels: Sequence[Label],
        depths: Sequence[int],
    ) -> None:
        rows = np.flatnonzero(store.manifest["split"] == "train")[:BATCH_SIZE]
        images, codes = store.images[rows], codes_of(store.manifest)[rows]
        frozen = [depth for depth in depths if depth < model.backbone.max_depth]
        forward = compiled(model.trunk(frozen))
        _, seconds = _first_and_median(lambda: forward(images)[0].numpy())
        self.pass_seconds = seconds / len(images)
        self.bytes = tuple(
            np.dtype(np.float16).itemsize * math.prod(output.shape[1:])
            for output in model.trunk(range(model.backbone.max_depth)).outputs
        )
        outputs = [tf.cast(output, tf.float32).numpy() for output in forward(images)]
        self._inputs = {model.backbone.max_depth: images} | dict(zip(frozen, outputs, strict=True))
        self._statistics = FeatureStatistics.of(outputs[0])
        self._codes, self._loss = codes, LabelLoss.of(labels, codes)
        self._model = model

    def step_time(self, depth: int) -> tuple[float, float]:
        """Measure a training step at a fine-tuning depth.

        Args:
            depth: Fine-tuning depth to measure, one of those given.

        Returns:
            Time until the first step is done, and time of one image in the others, seconds.
        """
        model, inputs = self._model, self._inputs[depth]
        head = model.head(HeadConfig(0, 0.0, self._statistics, tuple(self._loss.prior)))
        tail = model.tail(depth, head)
        compile_tail(tail, self._loss, 1e-9)
        start, step = _first_and_median(lambda: tail.train_on_batch(inputs, self._codes))
        model.restore()
        return start, step / len(inputs)


def _first_and_median(call: Callable[[], object]) -> tuple[float, float]:
    """Time the first call, which makes the graph, and take the median of the others, seconds."""
    times = []
    for _ in range(1 + _STEPS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return times[0], median(times[1:])
