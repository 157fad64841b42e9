"""The devices that a training runs on: this machine's GPUs, or its processor."""

from __future__ import annotations

import contextlib
import functools

import tensorflow as tf


def strategy() -> contextlib.AbstractContextManager[object]:
    """Return the scope in which a trial builds and trains: all GPUs of this machine.

    Without a GPU, the processor counts as several devices where TensorFlow divides it.

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
