"""The other side: plain Keras Tuner, as a competent user writes it, in a process of its own.

`python -m benchmarks.plain_search TASK` reads a `PlainTask` and searches until its time is over.
The network is the same pretrained one behind `GlobalAveragePooling2D`, dropout and a hidden layer
or none; depth, learning rate, width and dropout are Keras Tuner's to choose. Decoded images come
from memory by `tf.data`, mirrored at random; batch normalization stays frozen; a training stops
early, and Keras Tuner keeps a checkpoint of each trial's best epoch. Keras would compile for XLA,
which is slower on processors; this side goes without. Nothing is cached between trials.

The clock starts with the process. It stands still while weights are kept that are scored on test
images in the end.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.plain_task import COMPUTING, Improvement, PlainResult, PlainTask
from tuning.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import keras
    import keras_tuner
    import tensorflow as tf

_BATCH_SIZE = 32
_EPOCHS, _PATIENCE = 20, 4
_MOST_DEPTH = 2
_MANY_TRIALS = 10**6


class Clock:
    """Seconds since the process began, without those that were taken out.

    Args:
        began: When the process began, as of `time.time`.

    Attributes:
        paused: Seconds that were taken out.

    Example:
        >>> clock = Clock(time.time() - 5)
        >>> round(clock.seconds())
        5
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self.paused = 0.0

    def seconds(self) -> float:
        """Return the seconds so far."""
        return time.time() - self._began - self.paused

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Take the block out of the time."""
        started = time.time()
        try:
            yield
        finally:
            self.paused += time.time() - started


def search(task: PlainTask, clock: Clock) -> PlainResult:
    """Search until the time is over, then score what was found on test images.

    Args:
        task: What to search.
        clock: Seconds since the process began.
    """
    import keras
    import keras_tuner

    keras.utils.set_random_seed(task.seed)
    keras.config.set_dtype_policy(task.policy)
    model = _Model(task)
    options = {
        "hypermodel": model.build, "objective": "val_accuracy", "max_trials": _MANY_TRIALS,
        "seed": task.seed, "directory": str(task.folder), "project_name": "plain",
    }  # fmt: skip
    kinds = {"bayesian": keras_tuner.BayesianOptimization, "random": keras_tuner.RandomSearch}
    tuner = _watched(kinds[task.tuner])(notes := _Notes(task, clock), **options)
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=_PATIENCE)
    try:
        tuner.search(
            _dataset(task, "train"), validation_data=_dataset(task, "val"), epochs=_EPOCHS,
            callbacks=[stopping], verbose=0,
        )  # fmt: skip
    except keras_tuner.errors.FatalError:
        if not notes.is_over:
            raise
    seconds = clock.seconds()
    return PlainResult(
        variables={k: v for k, v in sorted(os.environ.items()) if k.startswith(COMPUTING)},
        trials=len(tuner.oracle.trials),
        epochs=notes.epochs,
        seconds=seconds,
        noted=clock.paused,
        improvements=notes.scored(model),
    )


class _Model:
    """The user's hypermodel."""

    def __init__(self, task: PlainTask) -> None:
        from tuning.backbones.registry import BACKBONES
        from tuning.backbones.weights import load

        self._task = task
        self._backbone = BACKBONES[task.backbone]
        self._weights = load(self._backbone, task.weights, task.seed)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        import keras
        from keras import layers

        images = keras.Input((self._task.size, self._task.size, 3), dtype="uint8")
        base = self._base(images, hp.Int("depth", 0, _MOST_DEPTH))
        x = layers.GlobalAveragePooling2D()(base.output)
        dropout = hp.Float("dropout", 0.1, 0.5, step=0.1)
        x = layers.Dropout(dropout)(x)
        if units := hp.Choice("head_units", [0, 64, 128, 256]):
            x = layers.Dense(units, activation="relu")(x)
            x = layers.Dropout(dropout)(x)
        width = 1 if self._task.classes == 2 else self._task.classes
        model = keras.Model(images, layers.Dense(width, dtype="float32")(x))
        learning_rate = hp.Float("learning_rate", 3e-5, 3e-3, sampling="log")
        model.compile(
            keras.optimizers.Adam(learning_rate), **_loss_and_metric(width), jit_compile=False
        )
        return model

    def _base(self, images: Any, depth: int) -> keras.Model:
        """The pretrained network, of which the last stages train."""
        import keras
        from keras import layers

        backbone = self._backbone
        offset = [-mean for mean in backbone.mean]
        base = keras.Model(images, backbone.build(layers.Rescaling(1.0, offset)(images)))
        end = backbone.layer_of(len(backbone.stages) - depth)
        frozen = [layer.name for layer in base.layers].index(end) + 1
        for number, layer in enumerate(base.layers):
            if layer.name in self._weights.layers:
                layer.set_weights(self._weights.layers[layer.name])
            is_norm = isinstance(layer, layers.BatchNormalization)
            layer.trainable = number >= frozen and not is_norm
        return base


def _loss_and_metric(width: int) -> dict[str, Any]:
    from keras import losses, metrics

    if width == 1:
        accuracy = metrics.BinaryAccuracy(threshold=0.0, name="accuracy")
        return {"loss": losses.BinaryCrossentropy(from_logits=True), "metrics": [accuracy]}
    accuracy = metrics.SparseCategoricalAccuracy(name="accuracy")
    return {"loss": losses.SparseCategoricalCrossentropy(from_logits=True), "metrics": [accuracy]}


def _dataset(task: PlainTask, split: str) -> tf.data.Dataset:
    """Batches of (uint8 [n, size, size, 3], int [n]), from memory."""
    import tensorflow as tf

    images, codes = task.split(split)
    data = tf.data.Dataset.from_tensor_slices((images, codes[:, None])).cache()
    if split == "train":
        data = data.shuffle(len(images), seed=task.seed)
        data = data.map(lambda image, code: (tf.image.random_flip_left_right(image), code))
    return data.batch(_BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


class _Notes:
    """Watches the epochs, ends the search in time, and keeps the weights of better ones."""

    def __init__(self, task: PlainTask, clock: Clock) -> None:
        self._task, self._clock = task, clock
        self._found: list[tuple[Improvement, Any]] = []
        self.epochs = 0

    @property
    def is_over(self) -> bool:
        return self._clock.seconds() >= self._task.seconds

    def end_in_time(self) -> None:
        """Raise the error by which Keras Tuner ends a search, when the time is over."""
        from keras_tuner.errors import FatalError

        if self.is_over:
            raise FatalError("the time is over")

    def epoch_ended(self, trial: Any, model: keras.Model, epoch: int, accuracy: float) -> None:
        self.end_in_time()
        self.epochs += 1
        if self._found and accuracy <= self._found[-1][0].val_accuracy:
            return
        found = Improvement(
            seconds=self._clock.seconds(),
            trial=trial.trial_id,
            epoch=epoch + 1,
            values=trial.hyperparameters.values,
            val_accuracy=accuracy,
        )
        with self._clock.standing_still():
            self._found.append((found, trial.hyperparameters.copy()))
            model.save_weights(self._path(len(self._found) - 1))

    def scored(self, model: _Model) -> tuple[Improvement, ...]:
        """The better epochs with the accuracy of their weights on test images."""
        data, done = _dataset(self._task, "test"), []
        for number, (found, hyperparameters) in enumerate(self._found):
            built = model.build(hyperparameters)
            built.load_weights(path := self._path(number))
            path.unlink()
            accuracy = built.evaluate(data, verbose=0, return_dict=True)["accuracy"]
            done.append(found.model_copy(update={"test_accuracy": float(accuracy)}))
        return tuple(done)

    def _path(self, number: int) -> Path:
        return self._task.folder / f"better-{number}.weights.h5"


def _watched(kind: type[keras_tuner.Tuner]) -> Any:
    """A kind of tuner whose epochs are noted, by its own hooks."""

    class Watched(kind):
        def __init__(self, notes: _Notes, **options: Any) -> None:
            self._notes = notes
            super().__init__(**options)

        def on_batch_end(self, *_: Any) -> None:
            self._notes.end_in_time()

        def on_epoch_end(self, trial: Any, model: Any, epoch: int, logs: Any = None) -> None:
            self._notes.epoch_ended(trial, model, epoch, float(logs["val_accuracy"]))

    return Watched


def _main(path: Path) -> None:
    clock = Clock(psutil.Process().create_time())
    task = PlainTask.model_validate_json(path.read_text())
    if task.own_defaults:
        import tensorflow  # noqa: F401
    else:
        import_tensorflow()
    task.result.write_text(search(task, clock).model_dump_json())


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
