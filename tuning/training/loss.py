"""What a training minimizes: the cross-entropy of all labels, the classes of each weighed alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from data import Label, class_weights
from data.labels import MISSING, output_slices


@dataclass(frozen=True)
class LabelLoss:
    """Mean over the labels of their weighted cross-entropy.

    An image without a value of a label adds nothing for it. Weights make a rare class count as much
    as a frequent one, so that what is trained are the logits of equally frequent classes. A head's
    logits are those of the classes as frequent as they are: without the logarithms of the weights,
    which the loss adds (prior correction; Saerens, Latinne and Decaestecker, 2002). Else a model
    of a label that one image in twenty has would say it of far too many.

    Attributes:
        labels: The labels of the head, whose logits lie side by side.
        weights: Weight of each class of each label, from `data.class_weights`.

    Example:
        >>> from data import GENDER
        >>> loss = LabelLoss.of([GENDER], np.array([[0], [0], [1]]))
        >>> loss.weights, loss.prior.round(3)  # two women for a man: log(1 / 2)
        (((0.75, 1.5),), array([-0.693], dtype=float32))
        >>> loss(np.array([[0], [-1]]), np.array([[-2.0], [5.0]], np.float32)).numpy().round(3)
        array([0.18, 0.  ], dtype=float32)
    """

    labels: tuple[Label, ...]
    weights: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, labels: Sequence[Label], codes: np.ndarray) -> LabelLoss:
        """Weigh the classes by how many training images have them.

        Args:
            labels: The L labels to learn.
            codes: Codes of the training images, int [N, L].
        """
        weights = []
        for number, label in enumerate(labels):
            classes = len(label.classes)
            by_code = class_weights(codes[:, number], classes)
            weights.append(tuple(by_code.get(code, 0.0) for code in range(classes)))
        return cls(tuple(labels), tuple(weights))

    @property
    def width(self) -> int:
        """Number of logits of all labels together."""
        return output_slices(self.labels)[-1].stop

    @property
    def prior(self) -> np.ndarray:
        """Logits of classes that are told by their frequency alone, float32 [sum of widths].

        A new head starts with them as its bias.
        """
        parts = []
        for label, weights in zip(self.labels, self.weights, strict=True):
            logits = -np.log([weight or 1.0 for weight in weights])  # 0: a class without images
            parts.append(logits[1:] - logits[:1] if label.is_binary else logits)
        return np.concatenate(parts).astype(np.float32)

    def __call__(self, codes: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image.

        Args:
            codes: Codes, [N, L], `MISSING` where an image has no value of a label.
            logits: Logits of all labels side by side, float32 [N, sum of widths].

        Returns:
            float32 [N].
        """
        codes = tf.cast(codes, tf.int32)
        logits = logits - tf.constant(self.prior)
        losses = [
            self._of_label(number, codes[:, number], logits[:, at])
            for number, at in enumerate(output_slices(self.labels))
        ]
        return tf.add_n(losses) / len(losses)

    def _of_label(self, number: int, codes: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        known = tf.maximum(codes, 0)
        weights = tf.gather(tf.constant(self.weights[number], tf.float32), known)
        weights *= tf.cast(codes != MISSING, tf.float32)
        if self.labels[number].is_binary:
            target = tf.cast(known, tf.float32)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(target, logits[:, 0])
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(known, logits)
        return losses * weights
