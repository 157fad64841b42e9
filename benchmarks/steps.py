"""How long a training step takes beside its own forward pass, and where the rest goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from rich.table import Table

from benchmarks.workload import machine
from data import GENDER
from tuning.backbones import weights
from tuning.backbones.head_features import FeatureStatistics
from tuning.backbones.operations import gmacs_of
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.runs.settings import Settings
from tuning.training.loss import LabelLoss
from tuning.training.optimizer import take_step
from tuning.training.tail_graphs import Form, StepInputs, TailGraphs, tail_graphs

_LEARNING_RATE = 1e-6  # weights hardly move, so that every round does the same


class Tail(NamedTuple):
    """A part of a backbone that is trained.

    Attributes:
        stages: Number of stages in front of the head.
        depth: Number of these, the last ones, that train.
    """

    stages: int
    depth: int

    @classmethod
    def of(cls, text: str) -> Tail:
        """Read a tail such as "4/1": behind four stages, of which the last trains.

        Args:
            text: The numbers of stages and of those that train.

        Raises:
            ValueError: It is none.

        Example:
            >>> Tail.of("4/1")
            Tail(stages=4, depth=1)
        """
        try:
            stages, depth = map(int, text.split("/"))
        except ValueError:
            raise ValueError(f"{text!r} is no tail such as 4/1, stages/depth") from None
        if not 1 <= depth <= stages:
            raise ValueError(f"{text}: depth must be 1 to {stages}")
        return cls(stages, depth)


@dataclass(frozen=True)
class StepTime:
    """Times of one image, milliseconds, each the median over all rounds.

    Attributes:
        backbone: Name of the backbone.
        stages: Number of stages in front of the head.
        depth: Number of these that train.
        batch_size: Number of images in a step.
        gmacs: Billions of multiplications and additions of a forward pass.
        forward: Forward pass.
        step: Training step of ours.
        optimizer: Adam alone, in a step.
        average: Moving average alone, when it is taken.
        keras: Training step of Keras: `train_on_batch` with its Adam.
        ratio: Step to forward pass, median of the ratios of all rounds.
    """

    backbone: str
    stages: int
    depth: int
    batch_size: int
    gmacs: float
    forward: float
    step: float
    optimizer: float
    average: float
    keras: float
    ratio: float


def run(
    settings: Settings, tails: Sequence[Tail], batch_sizes: Sequence[int], rounds: int
) -> Iterator[StepTime]:
    """Time the steps of each tail of each backbone, in rounds that have every part once.

    Args:
        settings: Backbones, size and precision.
        tails: Tails to time; where there are none those that a search tries first.
        batch_sizes: Numbers of images in a step.
        rounds: Number of rounds.
    """
    for name in settings.backbones:
        backbone = BACKBONES[name]
        pretrained = weights.load(backbone, "none")
        model = TransferModel(backbone, settings.size, pretrained, settings.policy)
        first = dict.fromkeys(Tail(tuning.stages, tuning.depth) for tuning in backbone.tunings)
        for tail in tails or first:
            if tail.stages <= len(backbone.stages):
                for batch_size in batch_sizes:
                    yield _timed(model, tail, batch_size, rounds)


def _timed(model: TransferModel, tail: Tail, batch_size: int, rounds: int) -> StepTime:
    parts = _parts(model, tail, batch_size)
    for part in parts.values():
        part()
        part()
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            started = time.perf_counter()
            part()
            seconds[name].append(time.perf_counter() - started)
    ratios = [step / pass_ for step, pass_ in zip(seconds["step"], seconds["forward"], strict=True)]
    return StepTime(
        backbone=model.backbone.name,
        stages=tail.stages,
        depth=tail.depth,
        batch_size=batch_size,
        gmacs=gmacs_of(model.trunk([tail.stages], start=tail.stages - tail.depth)),
        ratio=median(ratios),
        **{name: 1e3 * median(times) / batch_size for name, times in seconds.items()},
    )


def _parts(model: TransferModel, tail: Tail, batch_size: int) -> dict[str, Callable[[], object]]:
    """What is timed, by its name in `StepTime`."""
    rng, shape = np.random.default_rng(0), model.shape(tail.stages - tail.depth)
    drawn = np.abs(rng.normal(size=(batch_size, *shape)))
    of_pixels = tail.stages == tail.depth
    rows = tf.constant((50 * drawn).astype(np.uint8) if of_pixels else np.float32(drawn))
    codes = tf.constant(rng.integers(0, 2, (batch_size, 1)))
    form = Form(tail.stages, tail.depth, 1, 0, 1, "pixels" if of_pixels else "activations")
    graphs, loss = tail_graphs(model, form), LabelLoss((GENDER,), ((1.0, 1.0),))
    step, share = graphs.step(loss), tf.constant(0.1)
    inputs = StepInputs(
        tf.constant(_LEARNING_RATE), tf.constant(0.0), tf.constant(1.0), tf.constant([0, 0])
    )
    theirs = _of_keras(model, tail)
    return {
        "forward": lambda: graphs.logits(rows).numpy(),
        "step": lambda: step(rows, codes, inputs).numpy(),
        "optimizer": _optimizer(graphs),
        "average": lambda: graphs.average(share),
        "keras": lambda: theirs.train_on_batch(rows, codes),
    }


def _optimizer(graphs: TailGraphs) -> Callable[[], object]:
    trained = list(graphs.trained.values())
    gradients = [tf.zeros(variable.weight.shape) for variable in trained]
    rate = tf.constant(_LEARNING_RATE)
    return tf.function(lambda: take_step(trained, gradients, rate, tf.constant(1.0)))


def _of_keras(model: TransferModel, tail: Tail) -> keras.Model:
    statistics = FeatureStatistics.neutral(model.features(tail.stages, grid=1))
    head = model.head(HeadConfig(tail.stages, 1, 0, 0.0, statistics))
    whole = model.tail(tail.stages, tail.depth, head)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    whole.compile(keras.optimizers.Adam(_LEARNING_RATE), loss, jit_compile=False)
    return whole


def table(settings: Settings, timed: Iterable[StepTime], peak: float) -> Table:
    """Show the times.

    Args:
        settings: Size and precision.
        timed: Times of all tails.
        peak: Billions of multiplications and additions a second of a product of matrices.
    """
    shown = Table(
        "backbone", "tail", "batch", "forward", "step", "ratio", "Adam", "average", "Keras",
        "GMAC/s",
        title=f"Milliseconds an image at {settings.size} px in {settings.policy}",
        caption=f"{machine()['processor']}; a product of matrices has {peak:.0f} GMAC/s, beside "
        "those of forward pass and step, which counts as three passes.",
    )  # fmt: skip
    for each in timed:
        shown.add_row(
            BACKBONES[each.backbone].title,
            f"{each.stages}/{each.depth}",
            str(each.batch_size),
            *(f"{value:.2f}" for value in (each.forward, each.step, each.ratio)),
            *(f"{value:.2f}" for value in (each.optimizer, each.average, each.keras)),
            f"{1e3 * each.gmacs / each.forward:.0f}, {3e3 * each.gmacs / each.step:.0f}",
        )
    return shown


def content(settings: Settings, timed: Iterable[StepTime], peak: float) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        settings: Size and precision.
        timed: Times of all tails.
        peak: Billions of multiplications and additions a second of a product of matrices.
    """
    return {
        **machine(),
        "size": settings.size,
        "precision": settings.policy,
        "peak_gmacs": peak,
        "steps": [asdict(each) for each in timed],
    }
