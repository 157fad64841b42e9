"""Times backbones in a process of its own, with the product's steps on as many cores as wanted."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console

from benchmarks.workload import Workload, prepared
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig
from tuning.bars import Bars
from tuning.runs.schema import Hyperparameters
from tuning.runs.settings import Settings
from tuning.search.context import StepContext
from tuning.search.presets import PRESETS
from tuning.search.steps import Steps, Trained, Training
from tuning.tensorflow_import import import_tensorflow
from tuning.training.trial import TrialConfig
from tuning.trunk.cache import TrunkCache

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_CACHE_BYTES = 10 * 10**9


@dataclass(frozen=True)
class DepthTimes:
    """What a fine-tuning depth of a backbone took.

    Attributes:
        step: Seconds of a training step, for one image of its batch.
        start: Seconds until the first step.
        cut: Shape of an image's activations at the cut.
        weights: Number of weights of the tail, without its head.
    """

    step: float
    start: float
    cut: tuple[int, ...]
    weights: int


@dataclass(frozen=True)
class BackboneTimes:
    """What a backbone took.

    Attributes:
        forward: Seconds of a pass for an image.
        forward_float32: The same in float32.
        depths: Times of the fine-tuning depths, from depth 0.
        weights: Number of weights of the backbone.
        trial: Seconds of a trial of a head, of one epoch.
        evaluation: Seconds of a winner's evaluation, besides the passes of its images.
    """

    forward: float
    forward_float32: float
    depths: tuple[DepthTimes, ...]
    weights: int
    trial: float
    evaluation: float


@dataclass(frozen=True)
class ProcessTimes:
    """What a process took.

    Attributes:
        starting: Seconds from its start to its first work.
        backbones: Times by name of the backbone.
    """

    starting: float
    backbones: dict[str, BackboneTimes]


def probe(settings: Settings, artifacts: Path, cores: int, depths: int | None) -> ProcessTimes:
    """Time backbones in a new process, whose TensorFlow takes its threads at its start.

    Args:
        settings: Data, weights, backbones, size and precision.
        artifacts: Artifacts of real runs, where data sets are found or drawn.
        cores: Number of threads that TensorFlow gets.
        depths: Number of fine-tuning depths to time, from depth 0; None for all.

    Raises:
        DataError: The images cannot be read.
        WeightsError: The weights cannot be had.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(cores)))
    try:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as process:
            return process.submit(_probe_here, settings, artifacts, depths).result()
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _probe_here(settings: Settings, artifacts: Path, depths: int | None) -> ProcessTimes:
    import_tensorflow()  # it is imported already, but not silent
    with prepared(settings, artifacts) as workload:
        starting = time.time() - psutil.Process().create_time()
        return ProcessTimes(
            starting, {name: _times(workload, name, depths) for name in settings.backbones}
        )


def _times(workload: Workload, name: str, depths: int | None) -> BackboneTimes:
    steps = _steps(workload, name, workload.settings.precision)
    forward, of_depths = _depths(steps, depths)
    exact = forward
    if workload.settings.policy != "float32":
        exact = _steps(workload, name, "float32").measure(0).pass_seconds
    _train_head(steps)  # the first one makes the graphs of all
    with _Lap() as lap:
        trained = _train_head(steps)
    trial = lap.seconds
    return BackboneTimes(
        forward=forward,
        forward_float32=exact,
        depths=of_depths,
        weights=workload.weights[name].count,
        trial=trial,
        evaluation=_evaluation(workload, steps, trained, exact),
    )


def _depths(steps: Steps, count: int | None) -> tuple[float, tuple[DepthTimes, ...]]:
    """Seconds of a pass for an image, and what each depth took."""
    model, deepest = steps.model, steps.model.backbone.max_depth
    ones = np.ones(model.features)
    head = model.head(HeadConfig(0, 0.0, FeatureStatistics(ones, ones)))
    forward = 0.0
    times: list[DepthTimes] = []
    for depth in range(min(deepest + 1, count or deepest + 1)):
        with _Lap() as lap:
            measured = steps.measure(depth)
        if not times:  # the probe times its pass when it is first asked
            forward = lap.busy * measured.pass_seconds
        start, an_image = (lap.busy * seconds for seconds in measured.step)
        tail = model.tail(depth, head)
        weights = tail.count_params() - head.count_params()
        cut = tuple(tail.input_shape[1:])
        times.append(DepthTimes(an_image, start, cut, weights))
    model.restore()
    return forward, tuple(times)


def _steps(workload: Workload, name: str, precision: str) -> Steps:
    settings = workload.settings.model_copy(update={"precision": precision})
    folder = workload.folder / f"trunk-{precision}"
    context = StepContext(
        settings=settings,
        preset=PRESETS["full"],  # the one that has trials at every depth
        labels=(workload.label,),
        store=workload.store,
        cache=TrunkCache(folder, _CACHE_BYTES),
    )
    return Steps(context, BACKBONES[name], workload.weights[name], Bars(Console(quiet=True)))


def _train_head(steps: Steps) -> Trained:
    chosen = Hyperparameters(depth=0, learning_rate=1e-3, head_units=64, dropout=0.3)
    config = TrialConfig(epochs=1, patience=None, seed=0, head_epochs_factor=1)
    return steps.train(Training("head", chosen, config))


def _evaluation(workload: Workload, steps: Steps, trained: Trained, pass_seconds: float) -> float:
    assert trained.tail is not None  # nothing was to beat
    with _Lap() as lap:
        steps.evaluate(trained.result, trained.tail)
    passes = pass_seconds * (len(workload.store.manifest) - workload.images("train"))
    return max(0.0, lap.seconds - passes)


class _Lap:
    """A piece of work and its time; on one thread without the time in which others had its core.

    Attributes:
        busy: Share of the wall time in which the process worked; 1 on several threads, of which
            nobody can say it.
        seconds: Time of the work.
    """

    def __enter__(self) -> _Lap:
        self._wall, self._processor = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall = time.perf_counter() - self._wall
        busy = (time.process_time() - self._processor) / wall
        self.busy = min(1.0, busy) if os.environ.get(_THREADS[0]) == "1" else 1.0
        self.seconds = self.busy * wall
