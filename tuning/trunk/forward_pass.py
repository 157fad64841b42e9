"""One pass through the frozen trunk of the images that are new; all activations go to files."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf

from data.atomic import replacing
from data.progress import ProgressCallback
from tuning.backbones.transfer_model import TransferModel
from tuning.image_batches import map_batches
from tuning.trunk.image_set import ImageSet, View, in_view
from tuning.trunk.reuse import KnownActivations

_BATCH_SIZE = 32
_HALF_MAX = float(np.finfo(np.float16).max)


class ActivationFile:
    """A `.npy` file of float16 that rows are appended to.

    A plain file, not a memory map: a full disk is then an error and not the end of the process.

    Args:
        file: File to write to.
        shape: Shape of all rows together.

    Attributes:
        crc32: Checksum of the rows so far.

    Example:
        >>> import io
        >>> content = io.BytesIO()
        >>> rows = ActivationFile(content, (2, 3))
        >>> rows.append(np.ones((1, 3)))
        >>> rows.append(np.zeros((1, 3)))
        >>> np.load(io.BytesIO(content.getvalue())).tolist()
        [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, ...]) -> None:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        self._file = file
        self.crc32 = 0

    def append(self, rows: np.ndarray) -> None:
        """Write rows; what is too large for float16 becomes its largest number.

        Args:
            rows: Activations, float [n, ...].
        """
        half = np.clip(rows, -_HALF_MAX, _HALF_MAX).astype("<f2").tobytes()
        self._file.write(half)
        self.crc32 = zlib.crc32(half, self.crc32)


Forward = Callable[[np.ndarray], list[tf.Tensor]]
"""Function of uint8 [n, size, size, 3] that returns the activations of each output."""

Shapes = Mapping[int, tuple[int, ...]]
"""Shape of the activations of all images at each fine-tuning depth."""


@contextmanager
def open_files(paths: Mapping[int, Path], shapes: Shapes) -> Iterator[dict[int, ActivationFile]]:
    """Open files that appear together if the block ends well.

    Args:
        paths: Path of the file for each fine-tuning depth.
        shapes: Shape of the activations of all images at each depth.

    Yields:
        The open file for each depth.

    Raises:
        OSError: They can't be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "features.npy")
        >>> with open_files({0: path}, {0: (2, 3)}) as files:
        ...     files[0].append(np.ones((2, 3)))
        >>> np.load(path).dtype, np.load(path).shape
        (dtype('float16'), (2, 3))
    """
    with ExitStack() as stack:
        new = {depth: stack.enter_context(replacing(path)) for depth, path in paths.items()}
        with ExitStack() as files:
            opened = {d: files.enter_context(path.open("wb")) for d, path in new.items()}
            yield {d: ActivationFile(file, shapes[d]) for d, file in opened.items()}


def write_activations(
    model: TransferModel,
    images: ImageSet,
    view: View,
    files: Mapping[int, ActivationFile],
    known: Mapping[int, KnownActivations],
    progress: ProgressCallback,
) -> None:
    """Append the activations of all images to the files, in order.

    Images whose activations are known at every depth do not pass through the trunk.

    Args:
        model: Model with its pretrained weights.
        images: Images whose activations are wanted.
        view: How they are shown.
        files: File for each fine-tuning depth.
        known: What other entries hold, for each of these depths.
        progress: Called with the number of images that have passed and of all that must.
    """
    found = np.logical_and.reduce([known[depth].found for depth in files])
    passing = _passed(model, images, view, list(files), images.rows[~found], progress)
    for position in range(len(images)):
        at_depths = [known[d][position] for d in files] if found[position] else next(passing)
        for file, row in zip(files.values(), at_depths, strict=True):
            file.append(row[None])


def pooled_features(model: TransferModel, images: ImageSet, view: View) -> np.ndarray:
    """Compute pooled features in memory, for few images.

    Args:
        model: Model with its pretrained weights.
        images: Images to pass through the trunk.
        view: How they are shown.

    Returns:
        float16 [n, features], as the cache holds them.
    """
    forward = compiled(model.trunk([0]))
    parts = map_batches(
        lambda batch: forward(in_view(batch, view))[0].numpy().astype(np.float16),
        images.images,
        images.rows,
        _BATCH_SIZE,
    )
    return np.concatenate(list(parts))


def _passed(
    model: TransferModel,
    images: ImageSet,
    view: View,
    depths: Sequence[int],
    rows: np.ndarray,
    progress: ProgressCallback,
) -> Iterator[list[np.ndarray]]:
    """Yield the activations of one image after the other, float32 at each depth."""
    if not len(rows):
        return
    forward = _forward(model, tuple(depths))

    def activations(batch: np.ndarray) -> list[tf.Tensor]:
        return forward(in_view(batch, view))

    for outputs in map_batches(activations, images.images, rows, _BATCH_SIZE, progress):
        arrays = [tf.cast(output, tf.float32).numpy() for output in outputs]
        yield from ([array[row] for array in arrays] for row in range(len(arrays[0])))


def activation_shapes(model: TransferModel, depths: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shape of one image's activations at each depth.

    Args:
        model: Model with its pretrained weights.
        depths: Fine-tuning depths below the model's `max_depth`.
    """
    return [tuple(output.shape[1:]) for output in _trunk(model, depths).outputs]


def _forward(model: TransferModel, depths: tuple[int, ...]) -> Forward:
    """The graph of a trunk, made once for all shards: tracing a deep one takes seconds."""
    made = _FORWARDS.setdefault(model, {})
    if depths not in made:
        made[depths] = compiled(_trunk(model, depths))
    return made[depths]


def _trunk(model: TransferModel, depths: tuple[int, ...]) -> keras.Model:
    made = _TRUNKS.setdefault(model, {})
    if depths not in made:
        made[depths] = model.trunk(depths)
    return made[depths]


_FORWARDS: WeakKeyDictionary[TransferModel, dict[tuple[int, ...], Forward]] = WeakKeyDictionary()
_TRUNKS: WeakKeyDictionary[TransferModel, dict[tuple[int, ...], keras.Model]] = WeakKeyDictionary()


def compiled(trunk: keras.Model) -> Forward:
    """Make one graph of a trunk's forward pass.

    Args:
        trunk: Model of uint8 RGB images, as `TransferModel.trunk` makes it.

    Returns:
        Function of uint8 [n, size, size, 3] that returns the activations of each output.

    Example:
        >>> trunk = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten()])
        >>> [activations] = compiled(trunk)(np.zeros((5, 2, 2, 3), np.uint8))
        >>> activations.shape
        TensorShape([5, 12])
    """

    @tf.function(reduce_retracing=True)
    def forward(batch: tf.Tensor) -> list[tf.Tensor]:
        return keras.tree.flatten(trunk(batch, training=False))

    return forward
