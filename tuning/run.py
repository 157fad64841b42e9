"""A whole run: data, one search a backbone, leaderboard, metrics, report."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import data
from data import Dataset, Distinct, ImageStore
from tuning.backbones import weights as weight_sources
from tuning.backbones.registry import BACKBONES
from tuning.backbones.weights import Weights, WeightsError
from tuning.progress import Progress
from tuning.report import report
from tuning.runs.leaderboard import write_leaderboard
from tuning.runs.run_folder import RunFolder, rows_fingerprint
from tuning.runs.schema import (
    Clock,
    DataFacts,
    ImageFacts,
    RunConfig,
    RunMetrics,
    SplitFacts,
    WinnerFacts,
)
from tuning.runs.settings import Settings
from tuning.search import loopback
from tuning.search import workers as worker_processes
from tuning.search.backbone_search import search, work
from tuning.search.presets import PRESETS
from tuning.search.trial_runner import Task
from tuning.trunk.cache import TrunkCache

SYNTHETIC = "synthetic"
SYNTHETIC_NOTICE = (
    "Synthetic portraits: these figures measure the plumbing, not how people's faces are "
    "classified. Give DATA=<folder> for real ones."
)
RANDOM_NOTICE = "Random start (no pretrained weights): expect far lower accuracy."
LABEL_NOTICE = (
    "The label is what annotators perceived in a photo (CelebA's 'Male', yes or no), "
    "not a person's gender."
)
_BROKEN_SHOWN = 3
_SHARE_GROWTH = 0.25  # of a backbone's share of the time, with its operations and weights
_PACKAGES = (
    "face-classifier-tuner", "tensorflow", "tensorflow-cpu", "keras", "keras-tuner", "numpy",
    "pandas", "pillow",
)  # fmt: skip


def tune(
    settings: Settings,
    artifacts: Path,
    run_name: str | None = None,
    cache_gb: float = 20.0,
    workers: int = 1,
) -> RunFolder:
    """Search all backbones of a run, or go on with a run that was interrupted.

    Args:
        settings: what the user chose.
        artifacts: folder for everything a run makes.
        run_name: folder name under `artifacts/runs`; None names it after the settings.
        cache_gb: disk budget of the trunk cache.
        workers: processes on this machine that run trials side by side.

    Returns:
        the finished run's folder.

    Raises:
        DataError, WeightsError, CacheError, RunError: with a line for the user.
    """
    loopback.keep_direct()
    progress = Progress()
    run = RunFolder.named(artifacts / "runs", run_name or default_name(settings))
    role = worker_processes.role()
    with contextlib.nullcontext() if role == "worker" else run.lock():
        clock = _Clock(run, settings.budget)
        dataset = open_dataset(settings, artifacts, progress)
        _greet(settings, dataset, run, progress)
        weights, weights_used = pretrained(settings, dataset.synthetic, progress)
        images = prepare(settings, dataset, artifacts, progress, run.keeps_copies())
        store = images.store
        _report_images(images, progress)
        run.begin(_config(settings, dataset, images, weights_used), store.manifest)
        task = Task(
            run,
            settings,
            PRESETS[settings.preset],
            store,
            TrunkCache(artifacts / "cache" / "trunk", int(cache_gb * 1e9)),
            progress,
        )
        if role == "worker":
            _work(task, weights)
            return run
        with _workers(task, workers, artifacts, cache_gb):
            winners = _search_all(task, weights, clock)
        _finish(task, winners)
    return run


def default_name(settings: Settings) -> str:
    """A name that says data and preset and is another one for other settings."""
    digest = hashlib.sha256(json.dumps(settings.chosen(), sort_keys=True).encode()).hexdigest()
    return f"{Path(settings.data).name or 'data'}-{settings.preset}-{digest[:6]}"


def open_dataset(settings: Settings, artifacts: Path, progress: Progress) -> Dataset:
    """Load the run's data set; the synthetic one is drawn when it is not there yet."""
    if settings.data != SYNTHETIC:
        return data.load(Path(settings.data), settings.labels, settings.split)
    from data.synthetic.writing import generate

    with progress.bar("drawing synthetic portraits") as update:
        folder = generate(artifacts / "datasets" / SYNTHETIC, seed=settings.seed, progress=update)
    return data.load(folder, settings.labels, settings.split)


@dataclass(frozen=True)
class Images:
    """A run's images: decoded, and remarks on those that were left out or look alike."""

    store: ImageStore
    notes: tuple[str, ...]


def prepare(
    settings: Settings,
    dataset: Dataset,
    artifacts: Path,
    progress: Progress,
    keep_copies: bool = False,
) -> Images:
    """Sample, look for copies, split and decode the run's images."""
    manifest, notes = dataset.manifest, []
    if settings.drop_conflicts:
        manifest = data.drop_conflicts(manifest)
        count = len(dataset.manifest) - len(manifest)
        notes.append(f"left out, for DROP_CONFLICTS: {count:,} images")
    manifest = data.sample(manifest, settings.samples, settings.balance, settings.seed)
    if keep_copies:
        notes.append("an earlier version began this run: copies of images stay in it")
        near = None
    else:
        distinct = _distinct(manifest, dataset.root, artifacts, progress)
        manifest, near = distinct.manifest, distinct.near
        notes += distinct.notes
    manifest = data.split(manifest, seed=settings.seed, near=near)
    framing = settings.framing or dataset.framing
    with progress.bar("decoding images") as update:
        store = data.build(
            manifest, settings.size, framing, artifacts / "cache" / "images", progress=update
        )
    return Images(store, tuple(notes))


def _distinct(manifest: pd.DataFrame, root: Path, artifacts: Path, progress: Progress) -> Distinct:
    cache = data.cache_file(artifacts / "cache" / "hashes", root)
    with progress.bar("looking for copies") as update:
        hashes = data.hash_files(manifest["path"].tolist(), cache, update)
    return data.without_copies(manifest, data.find_copies(hashes))


def _greet(settings: Settings, dataset: Dataset, run: RunFolder, progress: Progress) -> None:
    progress.say(f"Run {run.name} in {run.path}", style="bold")
    if dataset.synthetic:
        progress.say(SYNTHETIC_NOTICE, style="yellow")
    progress.say(LABEL_NOTICE)
    for note in dataset.notes:
        progress.say(f"note: {note}")
    budget = f", at most {settings.budget:g} min" if settings.budget else ""
    progress.say(
        f"{dataset.name}: {len(dataset.manifest):,} images; preset {settings.preset}, "
        f"{settings.size} px, {settings.precision.removeprefix('mixed_')}{budget}"
    )


def _report_images(images: Images, progress: Progress) -> None:
    store = images.store
    for note in images.notes:
        progress.say(f"note: {note}")
    counts = store.manifest["split"].value_counts()
    splits = ", ".join(f"{split} {counts[split]:,}" for split in data.SPLITS)
    progress.say(f"images: {splits}; framing {store.framing}")
    for path, reason in store.broken[:_BROKEN_SHOWN]:
        progress.say(f"left out, unreadable: {path}: {reason}", style="yellow")
    if len(store.broken) > _BROKEN_SHOWN:
        more = len(store.broken) - _BROKEN_SHOWN
        progress.say(f"and {more:,} more; all are in config.json", style="yellow")


def pretrained(
    settings: Settings, synthetic: bool, progress: Progress
) -> tuple[dict[str, Weights], str]:
    """All weights before anything is computed, so that a missing file is reported at once.

    Returns:
        those of each backbone, and their source; synthetic portraits may go without ImageNet's.

    Raises:
        WeightsError: with a line for the user.
    """
    try:
        return _load_weights(settings, settings.weights), settings.weights
    except WeightsError as error:
        if not (synthetic and settings.weights == "imagenet"):
            raise
        progress.say(f"note: {error}", style="yellow")
    progress.say(RANDOM_NOTICE, style="yellow")
    return _load_weights(settings, "none"), "none"


def _load_weights(settings: Settings, source: str) -> dict[str, Weights]:
    return {
        name: weight_sources.load(BACKBONES[name], source, settings.seed)
        for name in settings.backbones
    }


def _config(settings: Settings, dataset: Dataset, images: Images, weights: str) -> RunConfig:
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
            broken=store.broken,
            notes=(*dataset.notes, *images.notes),
            splits={
                str(split): SplitFacts(
                    count=len(rows),
                    share_man=float(rows["label"].mean()),
                    identities=int(rows["identity"].nunique()),
                )
                for split, rows in store.manifest.groupby("split")
            },
        ),
        weights=weights,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except ModuleNotFoundError:
            continue
    return versions


def _workers(
    task: Task, count: int, artifacts: Path, cache_gb: float
) -> contextlib.AbstractContextManager[None]:
    if count == 1 or worker_processes.role() == "chief":
        return contextlib.nullcontext()
    task.progress.say(f"{count} workers; what they print is in {task.run.logs}")
    settings = {
        **task.settings.environment(),
        "ARTIFACTS": str(artifacts),
        "CACHE_GB": str(cache_gb),
        "RUN": task.run.name,
        "WORKERS": "1",
    }
    return worker_processes.local_workers(count, settings, task.run.logs)


def _in_order(settings: Settings) -> list[str]:
    return sorted(settings.backbones, key=lambda name: BACKBONES[name].gmacs)


def _work(task: Task, weights: dict[str, Weights]) -> None:
    """A worker's share: the trials of each backbone, as soon as its plan is made."""
    task.progress.expect(_in_order(task.settings), lambda: None)
    for name in _in_order(task.settings):
        worker_processes.wait_for(task.run.study(name).plan, task.run.winner_facts(name))
        if not task.run.winner_facts(name).exists():
            with task.progress.backbone(name, BACKBONES[name].title):
                work(task, BACKBONES[name], weights[name])


def _search_all(task: Task, weights: dict[str, Weights], clock: _Clock) -> list[WinnerFacts]:
    """Search each backbone in turn, with a share of the time that is left.

    A large one gets more: a pass takes longer with its operations, a step behind the last cuts
    with its weights. Those that are cheap to run come first and leave what they don't use to the
    others.
    """
    names = _in_order(task.settings)
    task.progress.expect(names, clock.left)
    sizes = {name: BACKBONES[name].gmacs * weights[name].count for name in names}
    winners: list[WinnerFacts] = []
    for number, name in enumerate(names):
        left = clock.left()
        needs = [sizes[other] ** _SHARE_GROWTH for other in names[number:]]
        with task.progress.backbone(name, BACKBONES[name].title):
            facts = search(
                task,
                BACKBONES[name],
                weights[name],
                None if left is None else left * needs[0] / sum(needs),
                lambda: write_leaderboard(task.run),
            )
        clock.save()
        winners.append(facts)
        task.progress.winner(facts)
    return winners


class _Clock:
    """The run's budget over all the sessions that work on it."""

    def __init__(self, run: RunFolder, minutes: float | None) -> None:
        self._run = run
        self._before = run.read_clock().seconds
        self._budget = None if minutes is None else 60 * minutes
        self._started = time.monotonic()

    def left(self) -> float | None:
        """Seconds left, None for no limit."""
        return None if self._budget is None else max(0.0, self._budget - self.spent())

    def spent(self) -> float:
        """Seconds worked on the run so far."""
        return self._before + time.monotonic() - self._started

    def save(self) -> None:
        """Record the time spent."""
        self._run.write_clock(Clock(seconds=self.spent()))


def _finish(task: Task, winners: list[WinnerFacts]) -> None:
    ranked = sorted(winners, key=lambda facts: facts.val.brier)
    config = task.run.read_config()
    metrics = RunMetrics(
        run=task.run.name,
        notices=_notices(config),
        seconds=task.run.read_clock().seconds or None,
        winners={facts.backbone: facts for facts in ranked},
    )
    task.run.write_metrics(metrics)
    report.write(task.run, config, metrics, pd.read_csv(task.run.leaderboard))
    task.progress.summary(metrics, task.run.report)


def _notices(config: RunConfig) -> tuple[str, ...]:
    random_start = [RANDOM_NOTICE] if config.weights == "none" else []
    synthetic = [SYNTHETIC_NOTICE] if config.data.synthetic else []
    return (*random_start, *synthetic, LABEL_NOTICE)
