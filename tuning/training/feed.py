"""How batches reach the device that trains on them.

Keras's own reading ahead, by two threads of Python, is enough for a processor and starves a GPU.
"""

from __future__ import annotations

import tensorflow as tf

from tuning.training.batches import Batches

_READERS = 4
_AHEAD = 4  # batches, so that what is in memory does not grow with the number of images


def feed(batches: Batches) -> Batches | tf.data.Dataset:
    """Return batches in the form that the devices of this process are fed by.

    Args:
        batches: Batches of a training.

    Returns:
        The same object on a processor, see docs/decisions/06; `read_ahead` on GPUs.

    Example:
        >>> import numpy as np
        >>> from tuning.training.batches import Examples
        >>> examples = Examples({0: [np.zeros((5, 8), np.float16)]}, np.zeros((5, 1), int))
        >>> len(feed(Batches(examples, depth=0, batch_size=2)))
        3
    """
    if not tf.config.list_logical_devices("GPU"):
        return batches
    return read_ahead(batches)


def read_ahead(batches: Batches) -> tf.data.Dataset:
    """Make a pipeline of batches, gathered by several threads before they are wanted.

    Rows travel in the type in which they are stored, and each pass over the pipeline is an epoch.

    Args:
        batches: Batches of a training.

    Returns:
        Data set of pairs: rows, float16 or uint8 [n, ...], and codes, int64 [n, L].

    Example:
        >>> import numpy as np
        >>> from tuning.training.batches import Examples
        >>> examples = Examples({0: [np.zeros((5, 8), np.float16)]}, np.zeros((5, 1), int))
        >>> [rows.shape[0] for rows, _ in read_ahead(Batches(examples, depth=0, batch_size=2))]
        [2, 2, 1]
    """
    rows, codes = batches.stored(0)
    specs = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (rows, codes)]

    def epoch() -> range:
        batches.on_epoch_end()
        return range(len(batches))

    def gather(index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        arrays = tf.numpy_function(
            lambda number: batches.stored(int(number)), [index], [spec.dtype for spec in specs]
        )
        return tuple(tf.ensure_shape(a, spec.shape) for a, spec in zip(arrays, specs, strict=True))

    indices = tf.data.Dataset.from_generator(epoch, output_signature=tf.TensorSpec((), tf.int64))
    pipeline = indices.map(gather, num_parallel_calls=_READERS, deterministic=True)
    pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(len(batches)))
    options = tf.data.Options()
    options.autotune.enabled = False
    return pipeline.prefetch(_AHEAD).with_options(options)
