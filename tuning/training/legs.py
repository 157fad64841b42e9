"""A long training in legs, between which it can be stopped and taken up again elsewhere.

A leg is a part of an epoch, or all of it where that is short. Behind each leg the tail is scored,
and its weights, Adam's state and the figures so far are all that is needed to go on.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from tuning.runs.schema import Epoch, RefitPlan
from tuning.training.batches import Batches, TrainingData, predict_logits
from tuning.training.devices import SharedBatch
from tuning.training.early_stopping import Validation
from tuning.training.feed import feed
from tuning.training.schedule import TrainingConfig
from tuning.training.tail import compile_tail, predictor

_PARTS = ("weights", "adam", "best")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """How far a training in legs is.

    Attributes:
        plan: Legs of the training.
        seconds: Time that it took so far.
        history: Figures after each leg that is done.
        weights: Weights of the tail after the last leg, see `weights_of`.
        adam: Variables of its optimizer.
        best: Weights of the tail after its best leg.

    Example:
        >>> plan = RefitPlan(legs=4)
        >>> checkpoint = Checkpoint(plan, 1.5, (), [np.ones(2)], [np.zeros(3)], [np.ones(2)])
        >>> again = Checkpoint.from_bytes(checkpoint.to_bytes())
        >>> again.plan == plan, again.ended, again.weights[0].tolist()
        (True, False, [1.0, 1.0])
    """

    plan: RefitPlan
    seconds: float
    history: tuple[Epoch, ...]
    weights: list[np.ndarray]
    adam: list[np.ndarray]
    best: list[np.ndarray]

    @property
    def ended(self) -> bool:
        """Whether all legs are done."""
        return len(self.history) >= self.plan.legs

    def to_bytes(self) -> bytes:
        """Return all of it as the content of an `.npz` file."""
        facts = {
            "plan": self.plan.model_dump(),
            "seconds": self.seconds,
            "history": [epoch.model_dump() for epoch in self.history],
        }
        arrays = {
            f"{part}_{number}": array
            for part in _PARTS
            for number, array in enumerate(getattr(self, part))
        }
        content = io.BytesIO()
        np.savez(content, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint | None:
        """Read a checkpoint.

        Args:
            content: What `to_bytes` returned.

        Returns:
            The checkpoint, None if it is damaged.
        """
        try:
            with np.load(io.BytesIO(content)) as arrays:
                facts = json.loads(arrays["facts"].tobytes())
                parts: dict[str, Any] = {part: _numbered(arrays, part) for part in _PARTS}
            history = tuple(Epoch.model_validate(epoch) for epoch in facts["history"])
            return cls(RefitPlan(**facts["plan"]), facts["seconds"], history, **parts)
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return None


def _numbered(arrays: Any, part: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{part}_") for name in arrays.files)
    return [arrays[f"{part}_{number}"] for number in range(count)]


def fit_legs(
    tail: keras.Model,
    data: TrainingData,
    config: TrainingConfig,
    progress: Checkpoint,
    seed: int,
    validation: Validation,
    seconds: float,
) -> Checkpoint:
    """Train a tail in place, leg by leg, until some time is over.

    Args:
        tail: Model from the activation at the cut, or from pixels, to the logits.
        data: Examples of a whole epoch to learn from, and those to score on.
        config: Depth, and batch size and learning rate of one device; its epochs are the legs.
        progress: Where to go on; without weights at the beginning.
        seed: Seed of the order and the views.
        validation: Scores each leg.
        seconds: Time after which no new leg is begun; one leg is done at any rate.

    Returns:
        How far the training is then.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    started = time.perf_counter()
    shared = SharedBatch.here(config.batch_size, len(data.train))

    def batches(leg: int) -> Batches:
        train = data.train.at(leg_rows(len(data.train), progress.plan, leg, seed))
        rng = np.random.default_rng((seed, leg))
        return Batches(train, config.depth, shared.batch_size, rng, shared.devices)

    config = replace(config, learning_rate=shared.rate_factor * config.learning_rate)
    compile_tail(tail, data.loss, config.schedule(len(batches(0))))
    if progress.weights:
        _restore(tail, progress)
    validation.history.extend(progress.history)
    best = progress.best
    for leg in range(len(progress.history), progress.plan.legs):
        loss = tail.fit(feed(batches(leg)), epochs=1, shuffle=False, verbose=0).history["loss"][0]
        validation.epoch(predict_logits(predictor(tail), data.val, config.depth), loss)
        best = weights_of(tail) if validation.improved else best
        if time.perf_counter() - started >= seconds:
            break
    adam = [keras.ops.convert_to_numpy(variable) for variable in tail.optimizer.variables]
    took = progress.seconds + time.perf_counter() - started
    history = tuple(validation.history)
    return replace(
        progress, seconds=took, history=history, weights=weights_of(tail), adam=adam, best=best
    )


def leg_rows(count: int, plan: RefitPlan, leg: int, seed: int) -> np.ndarray:
    """Return the examples of a leg; the legs of an epoch have each example once.

    Args:
        count: Number of examples.
        plan: Legs of the training.
        leg: Number of the leg, from 0.
        seed: Seed of the order.

    Returns:
        Rows of the examples, in order, int64.

    Example:
        >>> plan = RefitPlan(legs=4, legs_per_epoch=2)
        >>> epoch = [leg_rows(5, plan, leg, seed=0) for leg in (2, 3)]
        >>> sorted(np.concatenate(epoch).tolist())
        [0, 1, 2, 3, 4]
    """
    epoch, part = divmod(leg, plan.legs_per_epoch)
    order = np.random.default_rng((seed, epoch)).permutation(count)
    return np.sort(np.array_split(order, plan.legs_per_epoch)[part])


def weights_of(tail: keras.Model) -> list[np.ndarray]:
    """Return the weights of a tail that are trained, those of a frozen trunk before it are not.

    Args:
        tail: Model to the logits.
    """
    return [keras.ops.convert_to_numpy(variable) for variable in tail.trainable_variables]


def put_weights(tail: keras.Model, weights: list[np.ndarray]) -> None:
    """Set the weights of a tail that are trained.

    Args:
        tail: Model to the logits.
        weights: What `weights_of` returned.
    """
    for variable, value in zip(tail.trainable_variables, weights, strict=True):
        variable.assign(value)


def _restore(tail: keras.Model, progress: Checkpoint) -> None:
    put_weights(tail, progress.weights)
    tail.optimizer.build(tail.trainable_variables)
    for variable, value in zip(tail.optimizer.variables, progress.adam, strict=True):
        variable.assign(value)
