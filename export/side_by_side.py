"""The winners of a run prepared side by side, by Ray's workers; nothing is timed there.

A worker is sent a winner's Keras model, as bytes, and sends back files, as bytes, and predictions:
it need not see the run's folder, and the driver alone writes the bundles.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from rich.console import Console

from data import ImageStore
from export import bundle_info, parity
from export.forms import FILES, TITLES, Form, FormName, in_batches
from export.parity import ParityError
from export.preparation import Checked, Prepare, Prepared, Recorded, prepare
from export.progress import Steps
from export.source import Source
from inference.bundle import BundleInfo, QuantizationTrial
from tuning.bars import Bars
from tuning.cluster.engines import tasks_of
from tuning.cluster.errors import ClusterError
from tuning.helpers import Helpers
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import RunConfig, WinnerFacts
from tuning.search.context import StepContext
from tuning.search.presets import PRESETS
from tuning.trunk.cache import TrunkCache

_KEPT_BYTES = int(20e9)  # of images, by a worker that does not see the driver's folder
_SAMPLE = 32  # images by which a file that arrives is compared with its predictions


@dataclass(frozen=True)
class Sent:
    """What a worker made of a winner.

    Attributes:
        files: Content by path, relative to the bundle, as in "saved_model/saved_model.pb".
        p: For each form the class probabilities of test and of validation images, float [n, K].
        trials: Verdict on each INT8 recipe that was tried.
        said: What it printed.
    """

    files: Mapping[str, bytes]
    p: Mapping[FormName, tuple[np.ndarray, np.ndarray]]
    trials: tuple[QuantizationTrial, ...]
    said: str


def prepare_all(
    helpers: Helpers,
    source: Source,
    winners: Sequence[WinnerFacts],
    artifacts: Path,
    scratch: Path,
    console: Console,
) -> dict[str, Prepare]:
    """Have all winners prepared; when it returns, no worker is left that could disturb a timing.

    Args:
        helpers: Who works beside this process.
        source: Run of the winners.
        winners: Facts of each winner.
        artifacts: Folder for everything a run makes.
        scratch: Folder for what arrives.
        console: Console to print to.

    Returns:
        For each backbone who gives its forms: raises `ParityError` where the worker did.

    Raises:
        ClusterError: Ray is not there, gave up on a winner, or something else came back.
        RunError: The run's folder lacks a file.
    """
    arrived: dict[str, Prepare] = {}
    with tasks_of(helpers, _context(source, artifacts), artifacts, Bars(console)) as tasks:
        if tasks is None:
            return {}
        console.print(f"  {len(winners)} winners are converted side by side, timed afterwards")
        waiting: dict[Future[Sent], str] = {}
        for facts in winners:
            winner, recorded, info = _inputs(source, facts)
            waiting[tasks.submit(prepare_there, source.config, winner, recorded, info)] = (
                facts.backbone
            )
        for future in as_completed(list(waiting)):
            backbone = waiting.pop(future)
            arrived[backbone] = _received(future, backbone, scratch, console)
    return arrived


def prepare_there(
    store: ImageStore, config: RunConfig, winner: bytes, recorded: Recorded, info: BundleInfo
) -> Sent:
    """Prepare a winner in a worker.

    Args:
        store: Images of the run.
        config: Settings, data and versions of the run.
        winner: Its Keras model, a `.keras` file.
        recorded: What the run recorded of its predictions.
        info: Its facts.

    Raises:
        ParityError: An exported model does not predict what the Keras model does.
    """
    said = io.StringIO()
    steps = Steps(Console(file=said, highlight=False), info.backbone)
    with tempfile.TemporaryDirectory() as folder:
        scratch, run = Path(folder, "bundle"), RunFolder(Path(folder, "run"))
        scratch.mkdir()
        run.winner(info.backbone).parent.mkdir(parents=True)
        run.winner(info.backbone).write_bytes(winner)
        prepared = prepare(Source(run, config, store), info, recorded, scratch, steps)
        paths = [model.form.path for name, model in prepared.models.items() if name != "keras"]
        return Sent(
            {
                file.relative_to(scratch).as_posix(): file.read_bytes()
                for path in paths
                for file in ([path] if path.is_file() else path.rglob("*"))
                if file.is_file()
            },
            {name: (model.test_p, model.val_p) for name, model in prepared.models.items()},
            prepared.trials,
            said.getvalue(),
        )


def _context(source: Source, artifacts: Path) -> StepContext:
    return StepContext(
        settings=source.config.settings,
        preset=PRESETS[source.config.settings.preset],
        labels=source.labels,
        store=source.store,
        cache=TrunkCache(artifacts / "cache" / "trunk", _KEPT_BYTES),
    )


def _inputs(source: Source, facts: WinnerFacts) -> tuple[bytes, Recorded, BundleInfo]:
    recorded = source.recorded(facts.backbone)
    info = bundle_info.describe(source, facts, recorded["val"], recorded["test"])
    return source.winner(facts.backbone).read_bytes(), recorded, info


def _received(future: Future[Sent], backbone: str, scratch: Path, console: Console) -> Prepare:
    """Keep the files of a winner on disk, and the rest until it is asked for."""
    try:
        sent = future.result()
    except ParityError as error:
        return _Refused(error)
    folder = scratch / backbone
    store_files(sent, folder)
    console.print(sent.said.rstrip("\n"), markup=False, soft_wrap=True)
    return _Arrived(folder, sent.p, sent.trials)


def store_files(sent: Sent, folder: Path) -> None:
    """Write the files that a worker sent.

    Args:
        sent: What came back.
        folder: Folder for the files; made if it is not there.

    Raises:
        ClusterError: It is something else, or a file has no business in a bundle.

    Example:
        >>> store_files(Sent({"../evil": b""}, {}, (), ""), Path("bundle"))
        Traceback (most recent call last):
            ...
        tuning.cluster.errors.ClusterError: a worker returned a file named '../evil'
    """
    if not isinstance(sent, Sent):
        raise ClusterError(f"a worker returned a {type(sent).__name__} for a winner's export")
    for name in sent.files:
        parts = PurePosixPath(name).parts
        alone = name in (FILES["fp32"], FILES["int8"])
        within = parts[:1] == (FILES["saved_model"],) and len(parts) > 1
        if not (alone or (within and ".." not in parts and "\\" not in name)):
            raise ClusterError(f"a worker returned a file named {name!r}")
    for name, content in sent.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@dataclass(frozen=True)
class _Refused:
    error: ParityError

    def __call__(self, *_: object, **__: object) -> Prepared:
        raise self.error


@dataclass(frozen=True)
class _Arrived:
    """A winner that a worker has prepared."""

    folder: Path
    p: Mapping[FormName, tuple[np.ndarray, np.ndarray]]
    trials: tuple[QuantizationTrial, ...]

    def __call__(
        self, source: Source, info: BundleInfo, recorded: Recorded, scratch: Path, steps: Steps
    ) -> Prepared:
        with steps.step("checking what the worker sent"):
            self._check_predictions(source, recorded)
            for path in self.folder.iterdir():
                shutil.move(path, scratch)
            files: dict[FormName, Path] = {name: scratch / file for name, file in FILES.items()}
            files["keras"] = source.winner(info.backbone)
            models = {
                name: Checked(Form.open(name, files[name], source.labels), *of_form)
                for name, of_form in self.p.items()
            }
            self._check_files(source, info.backbone, models)
        return Prepared(models, self.trials)

    def _check_predictions(self, source: Source, recorded: Recorded) -> None:
        passed = bool(self.trials) and self.trials[-1].passed
        names = {name for name in TITLES if name != "int8" or passed}
        test, val = (len(source.split(split).rows) for split in ("test", "val"))
        width = recorded["test"].p.shape[1]
        shapes = dict.fromkeys(("fp32", "int8"), (val, width))
        if self.p.keys() != names or not all(
            _are_probabilities(of_test, (test, width))
            and _are_probabilities(of_val, shapes.get(name, (0, 0)))
            for name, (of_test, of_val) in self.p.items()
        ):
            raise ClusterError("a worker returned other predictions than those of its images")

    def _check_files(
        self, source: Source, backbone: str, models: Mapping[FormName, Checked]
    ) -> None:
        """What the files predict here for some images must be what Keras predicted there."""
        test = source.split("test")
        rows = test.rows[:_SAMPLE]
        keras_p = models["keras"].test_p
        for name in ("saved_model", "fp32"):
            title = f"{backbone} as {name}"
            parity.compare(source.labels, keras_p, models[name].test_p, title)
            here = in_batches(models[name].form.predict, test.images, rows)
            parity.compare(source.labels, keras_p[: len(rows)], here, f"{title} on this machine")


def _are_probabilities(p: object, shape: tuple[int, int]) -> bool:
    if not isinstance(p, np.ndarray) or p.shape != shape or p.dtype.kind != "f":
        return False
    return bool(((p >= 0) & (p <= 1)).all())
