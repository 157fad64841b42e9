"""TensorBoard's logs of a run: curves over images seen, and the HParams tab over all trials."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import TrialRecord
from tuning.search.oracles import search_space

_METRICS = {
    "score": "score",
    "val_accuracy": "accuracy",
    "val_brier": "Brier score",
    "val_auc": "AUC",
    "seconds": "seconds",
}
_PREFIX = "events.out.tfevents."
_FINEST_GRID = 32  # that the tab's filter offers


class HParamsLog:
    """`tensorboard/` in a run's folder: a log for each trial, which grows with its legs.

    A file of it appears whole, holds the legs since the one before, and says in its name up to how
    many images seen; so each leg is written once, by whichever session.

    Args:
        run: Folder of the run.

    Example:
        >>> from tuning.runs.schema import TrialResult
        >>> run = RunFolder(Path(tempfile.mkdtemp()))
        >>> chosen = {"stages": 4, "depth": 0, "grid": 6, "learning_rate": 1e-4}
        >>> chosen |= {"head_units": 0, "dropout": 0.3}
        >>> result = TrialResult(
        ...     hyperparameters=chosen, score=0.1, val_accuracy=0.8, val_auc=0.9, val_brier=0.1,
        ...     val_loss=0.4, epochs=0, seconds=2.5, trained=4000,
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
        self._write(self._run.tensorboard / "all", 0, lambda _: _write_domains())
        for study in self._run.studies():
            for record in study.trials():
                is_name = record.trial.isalnum()  # of ours, not a path
                if is_name and (record.result or record.ended):
                    self._write_trial(study.backbone, record)

    def _write_trial(self, backbone: str, record: TrialRecord) -> None:
        folder = self._run.tensorboard / backbone / f"trial-{record.trial}"
        seen = record.result.seen if record.result else 0

        def write(known: int) -> None:
            if known < 0:
                _write_session(self._run.name, backbone, record)
            _write_legs(record, known)

        self._write(folder, seen, write)

    def _write(self, folder: Path, seen: int, write: Callable[[int], None]) -> None:
        """Write what lies between what is known, -1 for nothing, and what has been seen."""
        known = max(map(_seen_in, folder.glob(f"{_PREFIX}*")), default=-1)
        if seen <= known:
            return
        scratch = Path(tempfile.mkdtemp(prefix=".tensorboard-", dir=self._run.path))
        try:
            writer = tf.summary.create_file_writer(str(scratch))
            with writer.as_default():
                write(known)
            writer.close()
            folder.mkdir(parents=True, exist_ok=True)
            for file in scratch.iterdir():  # one, of a name by which TensorBoard reads in order
                file.rename(folder / f"{_PREFIX}{seen:012}")
        except tf.errors.OpError as error:
            raise OSError(error.message) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _seen_in(file: Path) -> int:
    """Number of images up to which a file holds legs, by its name; -1 for another one's."""
    seen = file.name.removeprefix(_PREFIX)
    return int(seen) if seen.isdecimal() else -1


def _write_domains() -> None:
    """Declare hyperparameters with their domains, and the metrics of the tab."""
    most = max(len(backbone.stages) for backbone in BACKBONES.values())
    space = {choice.name: choice for choice in search_space({most: (1,)}).space}
    depth, rate, head, dropout = (
        space[name] for name in ("depth", "learning_rate", "head_units", "dropout")
    )
    domains = [
        hp.HParam("backbone", hp.Discrete(sorted(BACKBONES))),
        hp.HParam("stages", hp.IntInterval(1, most)),
        hp.HParam("depth", hp.IntInterval(depth.min_value, depth.max_value)),
        hp.HParam("grid", hp.IntInterval(1, _FINEST_GRID)),
        hp.HParam("learning_rate", hp.RealInterval(rate.min_value, rate.max_value)),
        hp.HParam("head_units", hp.Discrete(sorted(head.values))),
        hp.HParam("dropout", hp.RealInterval(dropout.min_value, dropout.max_value)),
    ]
    metrics = [hp.Metric(f"trial/{key}", display_name=name) for key, name in _METRICS.items()]
    hp.hparams_config(hparams=domains, metrics=metrics)


def _write_session(run: str, backbone: str, record: TrialRecord) -> None:
    """Write what is tried; its identifier is of its run, as trials of one are averaged."""
    chosen = {"backbone": backbone, **record.hyperparameters.model_dump()}
    hp.hparams(chosen, trial_id=f"{run}: {backbone} {record.trial}")


def _write_legs(record: TrialRecord, known: int) -> None:
    """Write the legs behind so many images, and what the trial has come to."""
    result = record.result
    if result is None:
        return
    for name in _METRICS:
        tf.summary.scalar(f"trial/{name}", getattr(result, name), step=result.seen)
    for leg in result.history:
        if leg.images > known:
            for name, value in leg.model_dump(exclude={"images"}).items():
                tf.summary.scalar(f"leg/{name}", value, step=leg.images)
