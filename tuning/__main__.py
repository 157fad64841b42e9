"""`python -m tuning`: the search, as `make tune` calls it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

if __name__ == "__main__":  # a folder `data` where one works does not hide ours
    sys.path.insert(0, str(Path(__file__).parents[1]))

import typer

from data import AGES, Balance, FramingChoice, SplitBy, paths_in
from data.cli import (
    StoppedError,
    UsageError,
    Version,
    command_group,
    existing_path,
    failing_on,
)
from data.memory import say_peak_memory
from tuning.helpers import CORES, AddressOption, CoresOption, Helpers, WorkersOption
from tuning.precision import Precision
from tuning.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from tuning.runs.settings import Settings

app = command_group()

_CELEBA = Path("datasets") / "celeba"
_SYNTHETIC = "synthetic"
_DEMO_MINUTES = 5  # to see how it works on portraits that teach nothing


@app.callback(invoke_without_command=True)
def tune(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Option(
            envvar="DATA",
            help="Folder or table of face images (CelebA, a folder per class, CSV or parquet, "
            "UTKFace, FairFace), or several with commas between them, which are learned together: "
            "as many images of each, each split by its own people. Left out: the CelebA that "
            "`make data` fetched, else built-in synthetic portraits. 'synthetic' asks for those.",
        ),
    ] = None,
    label: Annotated[
        str,
        typer.Option(
            envvar="LABEL",
            help="What is learned: a CelebA attribute such as Smiling, a column of a table, or "
            "gender, age or race of UTKFace and FairFace; several with commas between them make "
            "one model of all. `python -m data describe DATA` lists what a data set offers. Left "
            "out: gender, or the only label that there is.",
        ),
    ] = "",
    ages: Annotated[
        str,
        typer.Option(
            envvar="AGES",
            help="Groups that ages are put into, in years, the youngest first and without gaps; "
            "the last may be open. For LABEL=age.",
        ),
    ] = AGES,
    samples: Annotated[
        int,
        typer.Option(
            envvar="SAMPLES",
            min=0,
            help="Number of images to learn from, a fifth of which choose what the others have "
            "learned; up to 2,000 test images of other people come on top. 0 for all images. A "
            "larger number keeps the images of a smaller one.",
        ),
    ] = 5000,
    backbones: Annotated[
        str,
        typer.Option(envvar="BACKBONES", help="Comma-separated names, or 'all'."),
    ] = "all",
    preset: Annotated[
        Literal["quick", "standard", "full"] | None,
        typer.Option(
            envvar="PRESET",
            help="How far to go: quick, standard or full. Each ends when every backbone has "
            "converged, however long that takes; see BUDGET. Left out: standard, for synthetic "
            "portraits quick.",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            envvar="BUDGET",
            min=0.1,
            help="Minutes for the whole run, from start to report, over all its sessions. With "
            "more of them the same RUN goes on. Left out: no limit; 5 for synthetic portraits "
            "without a PRESET.",
        ),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            envvar="WEIGHTS",
            help="Pretrained weights: imagenet (downloaded), a folder with files such as "
            "vgg16.weights.h5 and googlenet.onnx, or none for a random start.",
        ),
    ] = "imagenet",
    balance: Annotated[
        Balance,
        typer.Option(
            envvar="BALANCE", help="natural: classes as they are; equal: as many of each."
        ),
    ] = "natural",
    framing: Annotated[
        FramingChoice | None,
        typer.Option(
            envvar="FRAMING",
            help="Part of an image that the classifier sees: all of it (stretch), its central "
            "square (crop), the face of one aligned as CelebA's are (face), or the face that the "
            "detector finds and aligns first, as it does when it serves (detect: an image without "
            "one is not used). Left out: face for CelebA; for other data the face that the "
            "detector finds, and the middle of an image in which it finds none.",
        ),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            envvar="LABELS",
            help="Class that each word of a table or folder name means, as in 0=man,1=woman; other "
            "words are left out. Left out: 1 and man, men, male, m are man.",
        ),
    ] = "",
    split: Annotated[
        SplitBy,
        typer.Option(
            envvar="SPLIT",
            help="given: the data set's own train, val and test, where it has all three; identity: "
            "new ones, without a person in two of them; official: those that were published, with "
            "all their images, copies too, so that figures can be set beside papers (FairFace's "
            "val is tested on then), or an error where they are not there.",
        ),
    ] = "given",
    drop_conflicts: Annotated[
        bool,
        typer.Option(
            "--drop-conflicts",
            envvar="DROP_CONFLICTS",
            help="Leave out of training, never of validation and test, the images whose label "
            "contradicts most of the same person's images.",
        ),
    ] = False,
    drop_suspects: Annotated[
        bool,
        typer.Option(
            "--drop-suspects",
            envvar="DROP_SUSPECTS",
            help="Leave out of training, never of validation and test, the images whose label a "
            "model that was not trained on them doubts most; suspects.csv of a run lists them.",
        ),
    ] = False,
    algorithm: Annotated[
        Literal["bayesian", "random"],
        typer.Option(
            envvar="ALGORITHM",
            help="Keras Tuner's bayesian or random search proposes trials. Either way, those that "
            "fall behind the best one stop early.",
        ),
    ] = "bayesian",
    size: Annotated[
        int | None,
        typer.Option(
            envvar="SIZE", help="Side of the input in pixels, 64 to 224. Left out: the preset's."
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            envvar="RUN",
            help="Name of the run; the same name continues it, also with another BUDGET or PRESET "
            "and more BACKBONES. Left out: a name made of the settings, so that the same command "
            "continues the run as well.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(envvar="SEED", help="Seed of everything random.")] = 0,
    precision: Annotated[
        Precision,
        typer.Option(
            envvar="PRECISION",
            help="Arithmetic of the search: bfloat16, float16, float32, or auto for the fastest "
            "that each machine's GPU or processor has. Winners are evaluated and exported in "
            "float32.",
        ),
    ] = "auto",
    cache_gb: Annotated[
        float, typer.Option(envvar="CACHE_GB", help="Disk budget of the frozen-trunk cache in GB.")
    ] = 20.0,
    workers: WorkersOption = None,
    ray_address: AddressOption = None,
    cores: CoresOption = CORES,
    artifacts: Annotated[
        Path, typer.Option(envvar="ARTIFACTS", help="Folder for everything a run makes.")
    ] = Path("artifacts"),
    _version: Version = False,
) -> None:
    """Search fine-tuning depth, learning rate and head size for each backbone.

    Everything goes to `artifacts/runs/<run>`: leaderboard.csv, metrics.json, report.html and the
    winners. A run that was stopped continues when the same command is given again.
    `make watch` follows it from another terminal; with MLFLOW_TRACKING_URI it is logged to MLflow.

    Examples: `make tune`, `make tune DATA=celeba SAMPLES=5000 PRESET=standard`,
    `make tune LABEL=Smiling,Eyeglasses,Young`, `make tune DATA=celeba,utkface`,
    `make tune DATA=faces FRAMING=stretch BACKBONES=resnet50,googlenet BUDGET=20`.
    """
    if context.invoked_subcommand:
        return
    source = _source(data, artifacts)
    if source == _SYNTHETIC and preset is None:
        preset, budget = "quick", budget or _DEMO_MINUTES
    preset = preset or "standard"
    weights = _weights(weights)
    _check_words(label, labels, ages, run)
    helpers = Helpers(workers, ray_address, cores)
    import_tensorflow()
    from tuning.backbones.registry import names_in
    from tuning.runs.settings import Settings
    from tuning.search.presets import PRESETS

    with failing_on(ValueError, error=UsageError):
        names = names_in(backbones)
    settings = Settings(
        data=source,
        samples=samples or None,
        balance=balance,
        framing=framing,
        drop_conflicts=drop_conflicts,
        backbones=names,
        preset=preset,
        size=_checked_size(size or PRESETS[preset].size),
        budget=budget,
        weights=weights,
        algorithm=algorithm,
        seed=seed,
        precision=precision,
        labels=labels,
        split=split,
        label=label.strip(),
        ages=ages.strip() or AGES,
        drop_suspects=drop_suspects,
    )
    _run(settings, artifacts, run, cache_gb, helpers)


@app.command()
def watch(
    run: Annotated[
        str | None,
        typer.Argument(
            envvar="RUN",
            help="Name of the run. Left out: the one on which somebody has worked last.",
            show_default=False,
        ),
    ] = None,
    artifacts: Annotated[
        Path, typer.Option(envvar="ARTIFACTS", help="Folder of `make tune`, seen from here.")
    ] = Path("artifacts"),
) -> None:
    """Follow a run from another terminal, or from another machine that sees its folder.

    Shows the trials, best first, with their curves; what is being done and what comes next; time
    used and left. It only reads: Ctrl-C ends the view, not the run. Without a terminal it prints a
    line for each thing that happens. It ends with the run; of one that has ended, it shows all.

    Examples: `make watch`, `python -m tuning watch faces-standard-8e1d06`.
    """
    from tuning.runs.run_folder import RunError, RunFolder
    from tuning.watching.watch import newest_run
    from tuning.watching.watch import watch as watch_run

    runs = artifacts / "runs"
    with failing_on(RunError, error=UsageError):
        folder = RunFolder.named(runs, run) if run else newest_run(runs)
    if not folder.path.is_dir():
        raise UsageError(f"RUN={run}: no such run in {runs}")
    try:
        watch_run(folder)
    except KeyboardInterrupt:
        raise StoppedError("the view has ended; the run goes on") from None


def _run(
    settings: Settings, artifacts: Path, run: str | None, cache_gb: float, helpers: Helpers
) -> None:
    from tuning.run import tune as tune_run

    try:
        with failing_on(*user_errors()):
            tune_run(settings, artifacts, run, cache_gb, helpers)
    except KeyboardInterrupt:
        raise StoppedError(
            "interrupted: the same command continues the run, `make export` takes its winners"
        ) from None
    say_peak_memory()


def user_errors() -> tuple[type[Exception], ...]:
    """The exceptions of a search whose message a user can do something about."""
    from data import DataError
    from tuning.backbones.weights import WeightsError
    from tuning.cluster.errors import ClusterError
    from tuning.runs.run_folder import RunError
    from tuning.trunk.cache import CacheError

    return DataError, WeightsError, CacheError, ClusterError, RunError


def _source(data: str | None, artifacts: Path) -> str:
    """The data sets to use: paths, or the word for the built-in portraits, with commas between."""
    celeba = artifacts / _CELEBA
    given = data or (str(celeba) if celeba.exists() else _SYNTHETIC)
    sources = [_one_source(path, given) for path in paths_in(given)]
    twice = next((source for source in sources if sources.count(source) > 1), None)
    if twice:
        raise UsageError(f"DATA={given}: names {twice} twice")
    return ",".join(sources)


def _one_source(path: str, given: str) -> str:
    if path == _SYNTHETIC:
        return path
    if not path:
        raise UsageError(f"DATA={given}: a path is missing beside a comma")
    return str(existing_path(path, "DATA").resolve())


def _weights(source: str) -> str:
    if source in ("imagenet", "none"):
        return source
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise UsageError(f"WEIGHTS={source} is not a folder; give one, or 'imagenet', or 'none'")
    return str(folder.resolve())


def _check_words(label: str, labels: str, ages: str, run: str | None) -> None:
    from data import DataError
    from data.offers import choice_of
    from tuning.runs.run_folder import RunError, RunFolder

    with failing_on(DataError, RunError, error=UsageError):
        choice_of(label, labels, ages)
        RunFolder.named(Path("artifacts/runs"), run or "any")


def _checked_size(size: int) -> int:
    from tuning.backbones.registry import MAX_SIZE, MIN_SIZE

    if not MIN_SIZE <= size <= MAX_SIZE:
        raise UsageError(f"SIZE={size}: must be {MIN_SIZE} to {MAX_SIZE} pixels")
    return size


def main(arguments: list[str] | None = None, name: str = "python -m tuning") -> None:
    """Run the command line and exit with its status, see `data.__main__.main`."""
    app(arguments, prog_name=name)


if __name__ == "__main__":
    main()
