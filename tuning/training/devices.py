"""The devices that a training runs on: one, or all of this machine together.

On one a training needs nothing of this module: TensorFlow puts it on the first GPU that its process
sees, or on the processor. Variables belong to the strategy in whose scope they were made, so what
trains on all devices is a model of its own, made and trained inside `strategy`.
"""

from __future__ import annotations

import contextlib
import functools
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import tensorflow as tf

from tuning.half_floats import tensor_of

_LEAST_STEPS = 32  # of an epoch, which a larger batch must leave


def strategy() -> contextlib.AbstractContextManager[object]:
    """Return the scope in which a model is made and trained on all devices of this machine.

    These are the GPUs that the process sees. Without one, the processor counts as several devices
    where TensorFlow divides it.

    Returns:
        Scope of a strategy over several devices; one that does nothing where there is only one.

    Example:
        >>> with strategy():
        ...     model = tf.keras.Sequential()
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return contextlib.nullcontext()
    return _mirrored(tuple(device.name for device in devices)).scope()


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    """One for the process: a model can be trained only by the strategy that it was built in."""
    return tf.distribute.MirroredStrategy(devices)


def dealt(array: np.ndarray) -> tf.Tensor | tf.distribute.DistributedValues:
    """Deal the rows of a batch out to the devices of the scope in which this is called.

    Args:
        array: Array [n, ...]; n is a multiple of the number of devices.

    Returns:
        A tensor on the only device, or a part for each.

    Example:
        >>> dealt(np.zeros((4, 3), np.float16)).shape
        TensorShape([4, 3])
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return tensor_of(array)
    parts = np.split(array, strategy.num_replicas_in_sync)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tensor_of(parts[context.replica_id_in_sync_group])
    )


@dataclass(frozen=True)
class SharedBatch:
    """A batch that devices share in equal parts, and what the learning rate becomes with it.

    Adam's learning rate grows with the root of the batch: Malladi et al., 2022, "On the SDEs and
    Scaling Rules for Adaptive Gradient Algorithms".

    Attributes:
        devices: Number of devices.
        batch_size: Number of examples in a step of all devices together.
        rate_factor: Number that the learning rate of one device's batch is multiplied by.

    Example:
        >>> SharedBatch.among(devices=8, batch_size=32, examples=100_000)
        SharedBatch(devices=8, batch_size=256, rate_factor=2.82...)
        >>> SharedBatch.among(devices=8, batch_size=32, examples=2000).batch_size
        56
        >>> str(SharedBatch.among(devices=4, batch_size=32, examples=100_000))
        '4 devices, batches of 128, learning rate times 2.0'
    """

    devices: int
    batch_size: int
    rate_factor: float

    @classmethod
    def here(cls, batch_size: int, examples: int) -> Self:
        """Return what the devices of the scope share in which this is called.

        Args:
            batch_size: Batch of one device.
            examples: Number of training examples.
        """
        return cls.among(tf.distribute.get_strategy().num_replicas_in_sync, batch_size, examples)

    @classmethod
    def among(cls, devices: int, batch_size: int, examples: int) -> Self:
        """Return what some devices share: a batch for each, but not too few steps an epoch.

        Args:
            devices: Number of devices.
            batch_size: Batch of one device.
            examples: Number of training examples.
        """
        largest = max(batch_size, examples // _LEAST_STEPS)
        shared = min(devices * batch_size, largest)
        shared = max(devices, shared - shared % devices)
        return cls(devices, shared, math.sqrt(max(1.0, shared / batch_size)))

    def __str__(self) -> str:
        return (
            f"{self.devices} devices, batches of {self.batch_size}, "
            f"learning rate times {self.rate_factor:.1f}"
        )
