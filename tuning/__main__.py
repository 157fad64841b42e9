"""`python -m tuning`: the search, as `make tune` calls it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from data import Balance, Framing, SplitBy
from data.cli import print_any_name
from tuning import quiet
from tuning.precision import Precision, resolve

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)

_CELEBA = Path("datasets") / "celeba"
_QUICK_SAMPLES = 600


@app.command()
def tune(
    data: Annotated[
        str | None,
        typer.Option(
            envvar="DATA",
            help="Folder or table of face images (CelebA, a folder per class, CSV or parquet, "
            "UTKFace, FairFace). Left out: the CelebA that `make data` fetched, else built-in "
            "synthetic portraits. 'synthetic' asks for those.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(envvar="SAMPLES", min=0, help="Images to use; 0 for all.")
    ] = 5000,
    backbones: Annotated[
        str,
        typer.Option(envvar="BACKBONES", help="Comma-separated names, or 'all'."),
    ] = "all",
    preset: Annotated[
        Literal["quick", "standard", "full"] | None,
        typer.Option(
            envvar="PRESET",
            help="How much to try: quick, standard or full. Left out: standard, for synthetic "
            "portraits quick.",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            envvar="BUDGET", min=0.1, help="Minutes for the whole run; the preset has its own."
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
        Framing | None,
        typer.Option(
            envvar="FRAMING",
            help="What the classifier sees of an image: all of it (stretch), its central square "
            "(crop), or the face of one aligned as CelebA's are (face). Left out: face for CelebA, "
            "stretch for other data.",
        ),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            envvar="LABELS",
            help="Which label each word of a table or folder means, as in 0=man,1=woman; other "
            "words are left out. Left out: 1 and man, men, male, m are man.",
        ),
    ] = "",
    split: Annotated[
        SplitBy,
        typer.Option(
            envvar="SPLIT",
            help="given: the data set's own train, val and test, where it has all three; identity: "
            "new ones, without a person in two of them.",
        ),
    ] = "given",
    drop_conflicts: Annotated[
        bool,
        typer.Option(
            "--drop-conflicts",
            envvar="DROP_CONFLICTS",
            help="Leave out images whose label contradicts most of the same person's images.",
        ),
    ] = False,
    algorithm: Annotated[
        Literal["bayesian", "hyperband", "random"],
        typer.Option(
            envvar="ALGORITHM", help="Keras Tuner's bayesian, hyperband or random search."
        ),
    ] = "bayesian",
    size: Annotated[
        int | None,
        typer.Option(envvar="SIZE", help="Side of the input in pixels, 64 to 224; the preset's."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            envvar="RUN",
            help="Name of the run; the same name goes on where it was. Left out: named after the "
            "settings, so the same command goes on as well.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(envvar="SEED", help="Of everything random.")] = 0,
    precision: Annotated[
        Precision,
        typer.Option(
            envvar="PRECISION",
            help="Arithmetic of the search: bfloat16, float32, or auto for the faster one that "
            "this processor has. Winners are evaluated and exported in float32.",
        ),
    ] = "auto",
    cache_gb: Annotated[
        float, typer.Option(envvar="CACHE_GB", help="Disk budget of the frozen-trunk cache.")
    ] = 20.0,
    workers: Annotated[
        int,
        typer.Option(
            envvar="WORKERS", min=1, help="Processes that run trials side by side on this machine."
        ),
    ] = 1,
    artifacts: Annotated[
        Path, typer.Option(envvar="ARTIFACTS", help="Folder for everything a run makes.")
    ] = Path("artifacts"),
) -> None:
    """Search fine-tuning depth, learning rate and head size for each backbone.

    Everything goes to `artifacts/runs/<run>`: leaderboard.csv, metrics.json, report.html and the
    winners. A run that was stopped, by whatever, goes on when the same command is given again.

    Examples: `make tune`, `make tune DATA=celeba SAMPLES=5000 PRESET=standard`,
    `make tune DATA=faces BACKBONES=resnet50,googlenet BUDGET=20`.
    """
    print_any_name()
    source = data or _default_data(artifacts)
    synthetic = source == "synthetic"
    preset = preset or ("quick" if synthetic else "standard")
    if not synthetic and not Path(source).exists():
        _fail(f"DATA={source}: no such file or folder")
    if weights not in ("imagenet", "none") and not Path(weights).is_dir():
        _fail(f"WEIGHTS={weights} is not a folder; give one, or 'imagenet', or 'none'")

    quiet.import_tensorflow()
    from keras_tuner.errors import FatalError

    from data import DataError
    from tuning.backbones.registry import MAX_SIZE, MIN_SIZE, names_in
    from tuning.backbones.weights import WeightsError
    from tuning.run import tune as tune_run
    from tuning.runs.run_folder import RunError
    from tuning.runs.settings import Settings
    from tuning.search.presets import PRESETS
    from tuning.trunk.cache import CacheError

    try:
        names = names_in(backbones)
    except ValueError as error:
        _fail(str(error), code=2)
    size = size or PRESETS[preset].size
    if not MIN_SIZE <= size <= MAX_SIZE:
        _fail(f"SIZE={size}: must be {MIN_SIZE} to {MAX_SIZE} pixels")
    settings = Settings(
        data=source if synthetic else str(Path(source).resolve()),
        samples=samples or None,
        balance=balance,
        framing=framing,
        drop_conflicts=drop_conflicts,
        backbones=names,
        preset=preset,
        size=size,
        budget=budget or PRESETS[preset].minutes,
        weights=weights if weights in ("imagenet", "none") else str(Path(weights).resolve()),
        algorithm=algorithm,
        seed=seed,
        precision=resolve(precision),
        labels=labels,
        split=split,
    )
    try:
        tune_run(settings, artifacts, run, cache_gb, workers)
    except (DataError, WeightsError, CacheError, RunError, FatalError, OSError) as error:
        _fail(" ".join(str(error).split()))
    except KeyboardInterrupt:
        _fail("stopped; the same command goes on where it was", code=130)


def _default_data(artifacts: Path) -> str:
    celeba = artifacts / _CELEBA
    return str(celeba) if celeba.exists() else "synthetic"


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    app(prog_name="python -m tuning")
