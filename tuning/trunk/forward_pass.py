"""One pass through the frozen trunk of the images that are new; all activations go to files.

It starts at the pixels, or at a cut whose activations are known: float16 there costs the deeper
activations no more than their own rounding does.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf

from data.atomic import replacing
from data.progress import ProgressCallback
from tuning.backbones.folding import folded
from tuning.backbones.transfer_model import TransferModel
from tuning.half_floats import tensor_of
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


Shapes = Mapping[int, tuple[int, ...]]
"""Shape of the activations of all images at each cut."""


@contextmanager
def open_files(paths: Mapping[int, Path], shapes: Shapes) -> Iterator[dict[int, ActivationFile]]:
    """Open files that appear together if the block ends well.

    Args:
        paths: Path of the file for each cut.
        shapes: Shape of the activations of all images at each cut.

    Yields:
        The open file for each cut.

    Raises:
        OSError: They can't be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "activations.npy")
        >>> with open_files({3: path}, {3: (2, 3)}) as files:
        ...     files[3].append(np.ones((2, 3)))
        >>> np.load(path).dtype, np.load(path).shape
        (dtype('float16'), (2, 3))
    """
    with ExitStack() as stack:
        new = {cut: stack.enter_context(replacing(path)) for cut, path in paths.items()}
        with ExitStack() as files:
            opened = {cut: files.enter_context(path.open("wb")) for cut, path in new.items()}
            yield {cut: ActivationFile(file, shapes[cut]) for cut, file in opened.items()}


@dataclass(frozen=True, eq=False)
class Way:
    """How some images come to the cuts of a trunk: those that have to pass, from where to where.

    Attributes:
        passing: Whether an image has to pass, bool [n].
        cuts: Cuts whose activations the pass gives; at others all images are known.
        start: Cut where it starts, 0 for the pixels.
    """

    passing: np.ndarray
    cuts: tuple[int, ...]
    start: int

    @property
    def count(self) -> int:
        """Number of images that have to pass."""
        return int(self.passing.sum())


Known = Callable[[int], KnownActivations]
"""What entries hold of some images at a cut."""


def way_of(count: int, cuts: Collection[int], known: Known) -> Way:
    """Find the shortest way of some images.

    Args:
        count: Number of the images.
        cuts: Cuts whose activations are wanted.
        known: Function of a cut that looks up what is known there.

    Returns:
        The way: from the deepest cut in front of the wanted ones at which all images that have to
        pass are known, else from the pixels.
    """
    found = {cut: known(cut).found for cut in sorted(cuts)}
    missing = tuple(cut for cut in found if not found[cut].all())
    if not missing:
        return Way(np.zeros(count, bool), (), 0)
    passing = ~np.logical_and.reduce([found[cut] for cut in missing])
    before = range(missing[0] - 1, 0, -1)
    start = next((cut for cut in before if known(cut).found[passing].all()), 0)
    return Way(passing, missing, start)


def write_activations(
    model: TransferModel,
    images: ImageSet,
    view: View,
    files: Mapping[int, ActivationFile],
    known: Known,
    progress: ProgressCallback,
) -> None:
    """Append the activations of all images to the files, in order.

    Images whose activations are known at every cut do not pass through the trunk.

    Args:
        model: Model whose pretrained weights are used, whatever its layers hold.
        images: Images whose activations are wanted.
        view: How they are shown.
        files: File for each cut.
        known: What other entries hold at a cut.
        progress: Called with the number of images that have passed and of all that must.
    """
    way = way_of(len(images), files, known)
    passed = _passed(model, images, view, way, known, progress)
    for position, passes in enumerate(way.passing):
        computed = next(passed) if passes else {}
        for cut, file in files.items():
            row = computed[cut] if cut in computed else known(cut)[position]
            file.append(row[None])


def _passed(
    model: TransferModel,
    images: ImageSet,
    view: View,
    way: Way,
    known: Known,
    progress: ProgressCallback,
) -> Iterator[dict[int, np.ndarray]]:
    """Yield the activations of one image after the other, float32 at each cut."""
    if not way.count:
        return
    forward = _forward(model, way.cuts, way.start)
    positions = np.flatnonzero(way.passing)

    def activations(batch: np.ndarray) -> list[np.ndarray]:
        if way.start:
            return forward(tensor_of(known(way.start)[batch]))
        return forward(in_view(images.images[images.rows[batch]], view))

    batches = map_batches(activations, positions, np.arange(way.count), _BATCH_SIZE, progress)
    for outputs in batches:
        for row in range(len(outputs[0])):
            yield {cut: of_cut[row] for cut, of_cut in zip(way.cuts, outputs, strict=True)}


Forward = Callable[[np.ndarray | tf.Tensor], list[np.ndarray]]
"""Function of what comes in at the start, [n, ...], to the activations of each output, float32."""


def _forward(model: TransferModel, cuts: tuple[int, ...], start: int) -> Forward:
    """The graph of a trunk, made once for all shards: tracing a deep one takes seconds."""
    made = _FORWARDS.setdefault(model, {})
    if (cuts, start) not in made:
        trunk = folded(model.trunk(cuts, start), model.weights.layers)
        made[cuts, start] = compiled(trunk)
    return made[cuts, start]


_FORWARDS: WeakKeyDictionary[TransferModel, dict[tuple[tuple[int, ...], int], Forward]] = (
    WeakKeyDictionary()
)


def compiled(trunk: keras.Model) -> Forward:
    """Make one graph of a trunk's forward pass.

    Args:
        trunk: Model as `TransferModel.trunk` makes it.

    Returns:
        Function of its input, [n, ...], that returns the activations of each output, float32.

    Example:
        >>> image = keras.Input((2, 2, 3), dtype="uint8")
        >>> trunk = keras.Model(image, keras.layers.Flatten()(image))
        >>> [activations] = compiled(trunk)(np.zeros((5, 2, 2, 3), np.uint8))
        >>> activations.shape
        (5, 12)
    """

    @tf.function(reduce_retracing=True)
    def forward(batch: tf.Tensor) -> list[tf.Tensor]:
        outputs = keras.tree.flatten(trunk(batch, training=False))
        return [tf.cast(output, tf.float32) for output in outputs]

    return lambda batch: [output.numpy() for output in forward(tf.cast(batch, trunk.input.dtype))]
