"""A prediction beside what a finished run took, by part, as the times of its files tell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.scaling.constants import Constants
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.prediction import PARTS, Plan, Prediction, predict
from benchmarks.scaling.scenario import Scenario
from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import SearchImages
from tuning.runs.study_folder import StudyFolder
from tuning.search import sizing
from tuning.search.presets import PRESETS

_JOINED = {"probe": "probe and passes", "trunk pass": "probe and passes"}
_NOT_TIMED = ("start", "export")  # a run's clock does not count them


@dataclass(frozen=True)
class Check:
    """A prediction beside a measurement.

    Attributes:
        run: Name of the run.
        predicted: What the model says from the settings alone.
        with_trials: What it says of the trials that the run really made.
        measured: Seconds of each part of the run; empty where backbones were side by side.
        seconds: Seconds of the run by its clock.
    """

    run: str
    predicted: Prediction
    with_trials: Prediction
    measured: Mapping[str, float]
    seconds: float


def check(constants: Constants, run: RunFolder, machines: Scenario) -> Check:
    """Predict a finished run, and read what it took.

    Args:
        constants: What was measured, on the machine that the run was on.
        run: The run, made in one session, with no cache filled before.
        machines: Scenario whose cores, workers and nodes are those that the run had.

    Raises:
        RunError: The run is not finished, or cannot be read.
    """
    config = run.read_config()
    settings = config.settings
    scenario = Scenario(
        images=sum(split.count for split in config.images.splits.values()),
        size=settings.size,
        backbones=settings.backbones,
        preset=PRESETS[settings.preset],
        cores=machines.cores,
        nodes=machines.nodes,
        gpus=machines.gpus,
        workers=machines.workers,
        budget=settings.budget,
    )
    predicted = predict(constants, scenario)
    plans = {
        name: _plan_of(run, name, Costs(constants, scenario, name)) for name in settings.backbones
    }
    with_trials = predict(constants, scenario, plans)
    seconds = run.read_clock().seconds
    return Check(run.name, predicted, with_trials, _measured(run, seconds), seconds)


def parts(prediction: Prediction) -> dict[str, float]:
    """Seconds of a prediction by the parts that a run's files tell apart.

    Args:
        prediction: What was predicted.
    """
    joined: dict[str, float] = defaultdict(float)
    path = prediction.schedule.path()
    for part in PARTS:
        if part in path and part not in _NOT_TIMED:
            joined[_JOINED.get(part, part)] += path[part]
    return dict(joined)


def _plan_of(run: RunFolder, name: str, costs: Costs) -> Plan:
    """The trials and the refit that a run made, on the images that it made them on."""
    study = run.study(name)
    winner, trials, refit = run.read_winner(name), study.trials(), study.read_refit()
    if winner is None or not trials:
        raise RunError(f"{run.path}: {BACKBONES[name].title} has no winner: the run is unfinished")
    chosen = refit.result if refit else winner
    depth = chosen.hyperparameters.depth
    plan = study.read_plan()
    counts, planned = costs.scenario.counts, costs.planned()
    everything = SearchImages(train=counts.train, val=counts.val, views=(2,) * costs.max_depth)
    images = (plan.images if plan else None) or everything
    depths = tuple(trial.hyperparameters.depth for trial in trials)
    way = sizing.refit_way(planned, images, depth, 1, math.inf)
    epochs = (refit.epochs or refit.result.epochs) if refit else 0
    return Plan(images, depths, depth, epochs, way)


def _measured(run: RunFolder, seconds: float) -> dict[str, float]:
    """Seconds by part: from one file's time to the next one's."""
    last = begun = run.config.stat().st_mtime
    names = sorted(run.read_config().settings.backbones, key=lambda name: _times(run, name)[0][1])
    times = [_times(run, name) for name in names]
    if any(before[-1][1] > after[0][1] for before, after in pairwise(times)):
        return {}
    measured: dict[str, float] = defaultdict(float)
    for part, time in (item for one in times for item in one):
        if time < last:
            raise RunError(f"{run.path}: files were copied or changed: their times tell nothing")
        measured[part] += time - last
        last = time
    return {"images": seconds - (last - begun)} | measured


def _times(run: RunFolder, name: str) -> list[tuple[str, float]]:
    """The parts of a backbone's search, and the times at which they ended, in order."""
    study: StudyFolder = run.study(name)
    files = {
        "probe and passes": [study.plan],
        "trials": study.record_paths(),
        "refit": [study.refit],
        "doubted labels": [study.out_of_fold],
        "evaluation": [run.winner_facts(name)],
    }
    ends = {
        part: max((path.stat().st_mtime for path in paths if path.exists()), default=None)
        for part, paths in files.items()
    }
    return [(part, end) for part, end in ends.items() if end is not None]
