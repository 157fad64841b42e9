"""A whole run: data, one search a backbone, leaderboard, metrics, report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import data
from data import Dataset, Label
from data.labels import class_counts, codes_of
from data.meanings import notice
from tuning.cluster.engines import engine_of
from tuning.helpers import NOBODY, Helpers
from tuning.inputs import RunImages, open_dataset, prepare_images, pretrained
from tuning.notices import SYNTHETIC_NOTICE, notices_of
from tuning.precision import POLICY
from tuning.progress import Progress
from tuning.report import report
from tuning.report.best import best_winner
from tuning.runs.leaderboard import read_leaderboard, write_leaderboard
from tuning.runs.run_folder import RunFolder, rows_fingerprint
from tuning.runs.schema import (
    DataFacts,
    ImageFacts,
    RunConfig,
    RunMetrics,
    SplitFacts,
    WinnerFacts,
)
from tuning.runs.settings import Settings
from tuning.runs.time_budget import TimeBudget
from tuning.search.context import SearchContext
from tuning.search.presets import PRESETS
from tuning.searches import search_all
from tuning.status_writer import status_of
from tuning.suspects.left_out import left_out_notices
from tuning.tracking.trackers import tracked
from tuning.trunk.cache import TrunkCache

_BROKEN_SHOWN = 3
_LABELS_SHOWN = 40  # letters of a run's name
_PACKAGES = (
    "face-classifier-tuner", "tensorflow", "tensorflow-cpu", "keras", "keras-tuner", "numpy",
    "pandas", "pillow",
)  # fmt: skip


def tune(
    settings: Settings,
    artifacts: Path,
    run_name: str | None = None,
    cache_gb: float = 20.0,
    helpers: Helpers = NOBODY,
) -> RunFolder:
    """Search all backbones of a run, or go on with a run that was interrupted.

    Args:
        settings: What the user chose.
        artifacts: Folder for everything a run makes.
        run_name: Name of the folder under `artifacts/runs`; None names it after the settings.
        cache_gb: Disk budget of the trunk cache, GB.
        helpers: Who works on it beside this process.

    Returns:
        The finished run's folder.

    Raises:
        DataError: The data set is missing, or cannot be used.
        WeightsError: Pretrained weights cannot be had or do not fit.
        CacheError: The trunk cache's budget or the disk is too small.
        ClusterError: Ray is not there, or gave up on a step.
        RunError: The run was made with other settings or data, another process works on it, or
            no trial of a backbone succeeded.
    """
    progress = Progress()
    run = RunFolder.named(artifacts / "runs", run_name or default_name(settings))
    run.check(settings)
    with (
        run.lock(),
        status_of(run, budget := TimeBudget(run, settings.budget), progress.activities),
        engine_of(helpers, artifacts, progress) as engine,
    ):
        with progress.doing("reading the data set"):
            dataset = open_dataset(settings, artifacts, progress)
        _greet(settings, dataset, run, progress)
        with progress.doing("loading pretrained weights"):
            weights, weights_used = pretrained(settings, dataset.synthetic, progress)
        images = prepare_images(settings, dataset, artifacts, progress, run)
        _report_images(images, progress)
        run.begin(_config(settings, dataset, images, weights_used), images.store.manifest)
        context = SearchContext(
            settings=settings,
            preset=PRESETS[settings.preset],
            labels=dataset.labels,
            store=images.store,
            cache=TrunkCache(artifacts / "cache" / "trunk", int(cache_gb * 1e9)),
            run=run,
            progress=progress,
        )
        with tracked(run, progress.say) as track:
            search_all(context, engine, weights, budget, track, lambda ws: _report(context, ws))
        _finish(context)
    return run


def default_name(settings: Settings) -> str:
    """Name a run after its data, labels and preset, and differently for other settings.

    Args:
        settings: What the user chose.

    Example:
        >>> default_name(Settings(data="faces", backbones=("vgg16",), size=96))
        'faces-standard-8e1d06'
        >>> default_name(Settings(data="faces", label="Smiling", backbones=("vgg16",), size=96))
        'faces-smiling-standard-78b77c'
    """
    names = "+".join(Path(path).name or "data" for path in data.paths_in(settings.data))
    labels = re.sub(r"[^0-9a-z]+", "-", settings.label.lower()).strip("-")[:_LABELS_SHOWN]
    parts = (names, labels, settings.preset, settings.fingerprint()[:6])
    return "-".join(part for part in parts if part)


def _greet(settings: Settings, dataset: Dataset, run: RunFolder, progress: Progress) -> None:
    progress.say(f"Run {run.name} in {run.path}", style="bold")
    if dataset.synthetic:
        progress.say(SYNTHETIC_NOTICE, style="yellow")
    for label in dataset.labels:
        progress.say(notice(label))
    for note in dataset.notes:
        progress.say(f"note: {note}")
    budget = f", at most {settings.budget:g} min" if settings.budget else ""
    progress.say(
        f"{dataset.name}: {len(dataset.manifest):,} images; preset {settings.preset}, "
        f"{settings.size} px, {settings.policy.removeprefix(POLICY)}{budget}"
    )


def _report_images(images: RunImages, progress: Progress) -> None:
    store = images.store
    for note in images.notes:
        progress.say(f"note: {note}")
    counts = store.manifest["split"].value_counts()
    splits = ", ".join(f"{split} {counts[split]:,}" for split in data.SPLITS)
    progress.say(f"images: {splits}; FRAMING={store.framing}")
    for path, reason in store.broken[:_BROKEN_SHOWN]:
        progress.say(f"left out: {path}: {reason}", style="yellow")
    if len(store.broken) > _BROKEN_SHOWN:
        more = len(store.broken) - _BROKEN_SHOWN
        progress.say(f"and {more:,} more; all are in config.json", style="yellow")


def _config(settings: Settings, dataset: Dataset, images: RunImages, weights: str) -> RunConfig:
    store = images.store
    return RunConfig(
        settings=settings,
        data=DataFacts(
            name=dataset.name,
            synthetic=dataset.synthetic,
            fingerprint=store.fingerprint,
            rows=rows_fingerprint(store.manifest),
        ),
        images=ImageFacts(
            framing=store.framing,
            detected=images.detected,
            broken=store.broken,
            notes=(*dataset.notes, *images.notes),
            splits={
                str(split): SplitFacts(
                    count=len(rows),
                    classes=_class_counts(dataset.labels, rows),
                    identities=int(rows["identity"].nunique()),
                )
                for split, rows in store.manifest.groupby("split")
            },
        ),
        weights=weights,
        versions=_versions(),
        labels=dataset.labels,
    )


def _class_counts(labels: Sequence[Label], rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    counts = {}
    for label, codes in zip(labels, codes_of(rows).T, strict=True):
        of_label = class_counts(codes, len(label.classes)).tolist()
        counts[label.name] = dict(zip(label.classes, of_label, strict=True))
    return counts


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except ModuleNotFoundError:
            continue
    return versions


def _report(context: SearchContext, winners: Sequence[WinnerFacts]) -> None:
    """Write metrics and report of the winners so far."""
    run = context.run
    ranked = sorted(winners, key=lambda facts: facts.score)
    config = run.read_config()
    metrics = RunMetrics(
        run=run.name,
        notices=(*notices_of(config), *left_out_notices(run, config, config.settings.backbones)),
        seconds=run.read_clock().seconds or None,
        winners={facts.backbone: facts for facts in ranked},
        chosen=best_winner(run, config.labels, ranked),
    )
    run.write_metrics(metrics)
    write_leaderboard(run)  # with trials that were only begun
    leaderboard = read_leaderboard(run)
    progress = context.progress
    with progress.doing("writing the report"), progress.bar("explaining mistakes") as update:
        report.write(run, config, metrics, leaderboard, context.store.images, update)


def _finish(context: SearchContext) -> None:
    context.progress.summary(context.run.read_metrics(), context.run.report)
