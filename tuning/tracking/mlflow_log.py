"""A run as MLflow's runs: the search is the parent, trials and winners are its children.

MLflow is asked what it has, and is sent what it lacks of what lies in the run's folder. So a run
that is taken up again goes on in the same MLflow run, and what a server missed is logged when it
answers. A trial goes on as long as it is trained: each of its legs is logged once, at the number of
images seen; what the search and its winners have come to, at the seconds worked on the run.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from data.records import read_record, write_record
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Leg, RunConfig, TrialRecord, TrialResult, WinnerFacts
from tuning.tracking.mlflow_server import EXPERIMENT

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

RunState = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

STEP = "face_classifier.step"
"""Tag of a child: which trial or winner of the run it is."""

LOGGED = "face_classifier.logged"
"""Tag of a child: up to which point it is logged."""

_PARENT = "mlflow.parentRunId"
_DEFAULT_EXPERIMENT = "face-classifier"
_AT_ONCE = 500  # metrics; the protocol allows 1,000
_LETTERS = 500  # of a parameter or a tag; some servers allow no more
_DIGEST = 32  # letters of the data set's; the protocol allows 36


class TrackedRun(BaseModel):
    """Where a run is logged.

    Attributes:
        experiment: MLflow's identifier of the experiment.
        run: MLflow's identifier of the parent run.
    """

    experiment: str
    run: str


class TrackedRuns(BaseModel):
    """Where a run is logged, by server: `mlflow.json`.

    Attributes:
        runs: The run by the server's address without user and password.

    Example:
        >>> TrackedRuns(runs={"http://localhost:5000": TrackedRun(experiment="1", run="0a1b")})
        TrackedRuns(schema_version=1, runs={...})
    """

    schema_version: Literal[1] = 1
    runs: dict[str, TrackedRun] = Field(default_factory=dict)


class MlflowLog:
    """A run's log on one server.

    Args:
        run: Folder of the run.
        client: MLflow's client.
        server: Address of the server without user and password.
    """

    def __init__(self, run: RunFolder, client: MlflowClient, server: str) -> None:
        self._run, self._client, self._server = run, client, server
        self._parent: TrackedRun | None = None
        self._children: dict[str, Run] = {}

    def update(self, state: RunState) -> TrackedRun | None:
        """Log what is missing.

        Args:
            state: State of the search.

        Returns:
            Where it is logged, None where there is nothing to log yet.

        Raises:
            Exception: MLflow's, where the server does not answer or refuses.
        """
        config = read_record(self._run.config, RunConfig)
        if config is None:
            return None
        parent = self._parent = self._parent or self._open(config)
        for study in self._run.studies():
            for record in study.trials():
                if record.result or record.ended:
                    self._log_trial(study.backbone, record, state)
        for backbone in config.settings.backbones:
            facts = self._run.read_winner(backbone)
            if facts:
                self._log_winner(facts, state)
        self._log_best(parent)
        self._log_files(parent, state)
        if state == "RUNNING":
            self._client.update_run(parent.run, "RUNNING")
        else:
            self._client.set_terminated(parent.run, state)
        return parent

    def child(self, step: str) -> str | None:
        """Return MLflow's identifier of a trial or winner that has been logged.

        Args:
            step: Which it is, such as "vgg16/winner".
        """
        return self._children[step].info.run_id if step in self._children else None

    def _open(self, config: RunConfig) -> TrackedRun:
        """Find the parent run of an earlier session, or make one."""
        kept = read_record(self._run.mlflow, TrackedRuns) or TrackedRuns()
        tracked = kept.runs.get(self._server)
        if tracked is None or not self._is_there(tracked):
            tracked = self._create(config)
            runs = {**kept.runs, self._server: tracked}
            write_record(self._run.mlflow, TrackedRuns(runs=runs))
        self._describe(tracked, config)
        self._children = {
            child.data.tags[STEP]: child
            for child in self._children_of(tracked)
            if STEP in child.data.tags
        }
        return tracked

    def _is_there(self, tracked: TrackedRun) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_run(tracked.run)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return bool(found.info.lifecycle_stage == "active")

    def _create(self, config: RunConfig) -> TrackedRun:
        experiment = self._experiment()
        tags = {
            "data": config.data.name, "label": _labels(config), "preset": config.settings.preset,
            "dataset.digest": config.data.fingerprint, "mlflow.source.name": "face-classifier tune",
        }  # fmt: skip
        run = self._client.create_run(experiment, tags=_short(tags), run_name=self._run.name)
        return TrackedRun(experiment=experiment, run=run.info.run_id)

    def _describe(self, tracked: TrackedRun, config: RunConfig) -> None:
        """Log settings and data set; the same again changes nothing."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param

        chosen = _short(config.settings.environment())
        params = [Param(key.lower(), value) for key, value in chosen.items() if value]
        self._client.log_batch(tracked.run, params=params)
        counts = {name: split.count for name, split in config.images.splits.items()}
        dataset = Dataset(
            name=config.data.name[:_LETTERS], digest=config.data.fingerprint[:_DIGEST],
            source_type="local", source=json.dumps({"labels": _labels(config)}),
            profile=json.dumps(counts),
        )  # fmt: skip
        training = [InputTag("mlflow.data.context", "training")]
        self._client.log_inputs(tracked.run, [DatasetInput(dataset, training)])

    def _experiment(self) -> str:
        name = os.environ.get(EXPERIMENT) or _DEFAULT_EXPERIMENT
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _children_of(self, parent: TrackedRun) -> Iterator[Run]:
        wanted, token = f"tags.`{_PARENT}` = '{parent.run}'", None
        while True:
            page = self._client.search_runs([parent.experiment], wanted, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _log_trial(self, backbone: str, record: TrialRecord, state: RunState) -> None:
        """Log the legs of a trial that the server lacks, and what the trial has come to."""
        result, step = record.result, f"{backbone}/trial-{record.trial}"
        status, seen = _status_of(record, state), result.seen if result else 0
        if self._has(step, str(seen), status):
            return
        wrote = self._run.study(backbone).record_path(record.trial).stat().st_mtime
        child = self._child_of(step, wrote - (result.seconds if result else 0.0))
        began, known = child.info.start_time / 1000, int(child.data.tags.get(LOGGED, -1))
        metrics = list(_curve(result.history if result else (), began, known))
        if result:
            metrics += _at(_figures(result), began + result.seconds, seen)
        chosen = {"backbone": backbone, **record.hyperparameters.model_dump()}
        tags = {"ended": record.ended} if record.ended else {}
        self._log(child, metrics, chosen, {**tags, LOGGED: seen})
        self._set_status(step, child, status)

    def _log_winner(self, facts: WinnerFacts, state: RunState) -> None:
        """Log a winner; what it is changes, and so is told by tags, which parameters may not be."""
        step = f"{facts.backbone}/winner"
        if self._has(step, facts.created, state):
            return
        wrote = self._run.winner_facts(facts.backbone).stat().st_mtime
        child = self._child_of(step, wrote - facts.seconds)
        if child.data.tags.get(LOGGED) != facts.created:
            metrics = list(_at(_winner_figures(facts), wrote, self._seconds()))
            chosen = {"trial": facts.trial, **facts.hyperparameters.model_dump()}
            tags = {**chosen, LOGGED: facts.created}
            self._log(child, metrics, {"backbone": facts.backbone}, tags)
        self._set_status(step, child, state)

    def _has(self, step: str, logged: str, status: RunState) -> bool:
        """Whether the server has a trial or winner up to a point."""
        known = self._children.get(step)
        if known is None:
            return False
        return (known.data.tags.get(LOGGED), known.info.status) == (logged, status)

    def _log(
        self, child: Run, metrics: Sequence[Metric], params: Mapping[str, Any],
        tags: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Log metrics, then what says that they are there."""
        from mlflow.entities import Param, RunTag

        run = child.info.run_id
        for first in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(run, metrics[first : first + _AT_ONCE])
        self._client.log_batch(
            run,
            params=[Param(*param) for param in _short(params).items()],
            tags=[RunTag(*tag) for tag in _short(tags).items()],
        )

    def _set_status(self, step: str, child: Run, status: RunState) -> None:
        if status != "RUNNING":
            self._client.set_terminated(child.info.run_id, status)
        elif child.info.status != status:
            self._client.update_run(child.info.run_id, status)
        self._children[step] = self._client.get_run(child.info.run_id)

    def _child_of(self, step: str, began: float) -> Run:
        return self._children.get(step) or self._create_child(step, began)

    def _seconds(self) -> int:
        return round(self._run.read_clock().seconds)

    def _create_child(self, step: str, began: float) -> Run:
        assert self._parent is not None
        tags = {_PARENT: self._parent.run, STEP: step}
        name = step.replace("/", " ")
        parent = self._parent.experiment
        return self._client.create_run(parent, _milliseconds(began), tags, run_name=name)

    def _log_best(self, parent: TrackedRun) -> None:
        """Log the best trial's figures by the time worked, as a curve of the search."""
        trials = [trial for study in self._run.studies() for trial in study.trials()]
        best = min(trials, key=lambda trial: trial.score, default=None)
        if best is None or best.result is None:
            return
        named = {f"best_{name}": value for name, value in _figures(best.result).items()}
        self._client.log_batch(parent.run, list(_at(named, time.time(), self._seconds())))

    def _log_files(self, parent: TrackedRun, state: RunState) -> None:
        run = self._run
        final = (run.report, run.results, run.metrics, run.config) if state == "FINISHED" else ()
        for path in (run.leaderboard, *final):
            if path.exists():
                self._client.log_artifact(parent.run, str(path))


def metric_name(name: str) -> str:
    """Return a name that MLflow takes for a metric.

    Args:
        name: Any name, such as a label's.

    Example:
        >>> metric_name("../wears a <hat>")
        '___wears a _hat_'
    """
    return re.sub(r"[^0-9A-Za-z_\- ]", "_", name)[:100]


def _status_of(record: TrialRecord, state: RunState) -> RunState:
    """State of a trial: of one that may go on that of the search, whose failure is not its own."""
    if record.status == "failed":
        return "FAILED"
    if record.status == "ended":
        return "FINISHED"
    return "KILLED" if state == "FAILED" else state


def _figures(result: TrialResult) -> dict[str, float]:
    names = ("score", "val_brier", "val_accuracy", "val_auc", "val_loss", "trained", "seconds")
    return {name: getattr(result, name) for name in names}


def _winner_figures(facts: WinnerFacts) -> dict[str, float]:
    names = ("score", "val_brier", "val_accuracy", "trained")
    figures: dict[str, float] = {name: getattr(facts, name) for name in names}
    for of_label in facts.labels:
        prefix = f"{metric_name(of_label.label.name)}/" if len(facts.labels) > 1 else ""
        for split, scores in (("val", of_label.val), ("test", of_label.test)):
            for name in ("accuracy", "balanced_accuracy", "auc", "brier", "calibration_error"):
                figures[f"{prefix}{split}_{name}"] = getattr(scores, name)
    return figures


def _curve(history: Sequence[Leg], began: float, known: int) -> Iterator[Metric]:
    """Figures of the legs behind so many images, by `leg/` and their names."""
    at = began
    for leg in history:
        at += leg.seconds
        if leg.images > known:
            named = {f"leg/{k}": v for k, v in leg.model_dump(exclude={"images"}).items()}
            yield from _at(named, at, leg.images)


def _at(figures: Mapping[str, float], seconds: float, step: int) -> Iterator[Metric]:
    from mlflow.entities import Metric

    for name, value in figures.items():
        if math.isfinite(value):
            yield Metric(name, value, _milliseconds(seconds), step)


def _labels(config: RunConfig) -> str:
    return ",".join(label.name for label in config.labels)[:_LETTERS]


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def _short(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value)[:_LETTERS] for key, value in values.items()}
