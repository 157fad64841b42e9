"""TensorBoard's logs of a run: curves by epoch, and the HParams tab over all trials."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import TrialRecord
from tuning.search.oracles import search_space

_METRICS = {
    "val_accuracy": "accuracy",
    "val_brier": "Brier score",
    "val_auc": "AUC",
    "seconds": "seconds",
}


class HParamsLog:
    """`tensorboard/` in a run's folder: a log for each trial that has ended.

    A log appears whole, and is not written again.

    Args:
        run: Folder of the run.

    Example:
        >>> from tuning.runs.schema import TrialResult
        >>> run = RunFolder(Path(tempfile.mkdtemp()))
        >>> chosen = {"depth": 0, "learning_rate": 1e-3, "head_units": 64, "dropout": 0.3}
        >>> result = TrialResult(
        ...     hyperparameters=chosen,
        ...     val_accuracy=0.8, val_auc=0.9, val_brier=0.1, val_loss=0.4, epochs=6, seconds=2.5,
        ... )
        >>> run.study("vgg16").write_trial(TrialRecord(trial="0", values=chosen, result=result))
        >>> HParamsLog(run).update()
        >>> sorted(path.name for path in run.tensorboard.iterdir())
        ['all', 'vgg16']
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def update(self) -> None:
        """Write what is missing.

        Raises:
            OSError: It cannot be written.
        """
        self._write(self._run.tensorboard / "all", _write_domains)
        for study in self._run.studies():
            for record in study.trials():
                if record.trial.isalnum():  # a name of ours, not a path
                    folder = self._run.tensorboard / study.backbone / f"trial-{record.trial}"
                    self._write(folder, _write_trial, self._run.name, study.backbone, record)

    def _write(self, folder: Path, write: Any, *facts: Any) -> None:
        if folder.exists():
            return
        scratch = Path(tempfile.mkdtemp(prefix=".tensorboard-", dir=self._run.path))
        try:
            writer = tf.summary.create_file_writer(str(scratch))
            with writer.as_default():
                write(*facts)
            writer.close()
            folder.parent.mkdir(parents=True, exist_ok=True)
            scratch.chmod(0o755)
            scratch.rename(folder)
        except tf.errors.OpError as error:
            raise OSError(error.message) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _write_domains() -> None:
    """Declare hyperparameters with their domains, and the metrics of the tab."""
    space = {choice.name: choice for choice in search_space(max(_depths())).space}
    depth, rate, head, dropout = (
        space[name] for name in ("depth", "learning_rate", "head_units", "dropout")
    )
    domains = [
        hp.HParam("backbone", hp.Discrete(sorted(BACKBONES))),
        hp.HParam("depth", hp.IntInterval(depth.min_value, depth.max_value)),
        hp.HParam("learning_rate", hp.RealInterval(rate.min_value, rate.max_value)),
        hp.HParam("head_units", hp.Discrete(sorted(head.values))),
        hp.HParam("dropout", hp.RealInterval(dropout.min_value, dropout.max_value)),
    ]
    metrics = [hp.Metric(f"trial/{key}", display_name=name) for key, name in _METRICS.items()]
    hp.hparams_config(hparams=domains, metrics=metrics)


def _depths() -> list[int]:
    return [len(backbone.stages) for backbone in BACKBONES.values()]


def _write_trial(run: str, backbone: str, record: TrialRecord) -> None:
    """Write a trial; its identifier is of its run, as trials of one identifier are averaged."""
    chosen = {"backbone": backbone, **record.hyperparameters.model_dump()}
    hp.hparams(chosen, trial_id=f"{run}: {backbone} {record.trial}")
    if record.result is None:
        return
    for name in _METRICS:
        tf.summary.scalar(f"trial/{name}", getattr(record.result, name), step=record.result.epochs)
    for epoch in record.result.history:
        for name, value in epoch.model_dump(exclude={"epoch"}).items():
            tf.summary.scalar(f"epoch/{name}", value, step=epoch.epoch)
