"""`python -m export`: a run's winners to bundles, as `make export` calls it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tuning import quiet

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def export(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Option(envvar="RUN", help="Name of the run. Left out: the one finished last."),
    ] = None,
    max_latency_ms: Annotated[
        float | None,
        typer.Option(envvar="MAX_LATENCY_MS", help="Slowest champion, ms an image."),
    ] = None,
    max_size_mb: Annotated[
        float | None, typer.Option(envvar="MAX_SIZE_MB", help="Largest champion, MB.")
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option(
            envvar="MIN_ACCURACY", help="Worst champion, on validation images: 0.95 or 95."
        ),
    ] = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            envvar="TARGET_ACCURACY",
            help="Wanted of the decisions given on validation images, 0.98 or 98; the surest are "
            "given, the others are 'uncertain'. Left out: as in the run.",
        ),
    ] = None,
    models: Annotated[
        Path | None, typer.Option(envvar="MODELS", help="Left out: artifacts/models.")
    ] = None,
    artifacts: Annotated[
        Path, typer.Option(envvar="ARTIFACTS", help="Folder for everything a run makes.")
    ] = Path("artifacts"),
) -> None:
    """Export a run's winners to SavedModel and ONNX and name a champion.

    Each exported model must answer as the Keras model does on the run's test images, or the
    export fails. INT8 is served if it decides as fp32 does on the validation images. The champion
    is the best on validation images within the limits given.

    Examples: `make export`, `make export RUN=faces MAX_LATENCY_MS=20`.
    """
    if context.invoked_subcommand:
        return
    target = _share(target_accuracy, "TARGET_ACCURACY", 0.5)
    limits_accuracy = _share(min_accuracy, "MIN_ACCURACY", 0.0)
    quiet.import_tensorflow()
    from data import DataError
    from export.champion import Limits, LimitsError
    from export.export_run import export_run
    from export.parity import ParityError
    from tuning.runs.run_folder import RunError, RunFolder, latest_run

    runs = artifacts / "runs"
    try:
        folder = RunFolder.named(runs, run) if run else latest_run(runs)
        export_run(
            folder,
            models or artifacts / "models",
            artifacts / "cache" / "images",
            Limits(max_latency_ms, max_size_mb, limits_accuracy),
            target,
        )
    except (DataError, RunError, ParityError, LimitsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


@app.command()
def space(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write.")],
    models: Annotated[
        Path, typer.Option(envvar="MODELS", help="Folder that `make export` wrote.")
    ] = Path("artifacts/models"),
) -> None:
    """Write a folder that can be pushed to a Hugging Face Space as it is.

    It holds the demo, its sources, requirements without TensorFlow, and each model in the
    precisions that may be served, of which it takes the one that is faster there. DIR may be a
    fresh clone of the Space, or one written before.

    Example: `python -m export space --to my-space`, then `git push` from there.
    """
    from export.space import SpaceError, write
    from inference import BundleError

    try:
        write(models, to)
    except (SpaceError, BundleError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"{to} is ready: `cd {to} && pip install -r requirements.txt && python app.py` tries it")


def _share(value: float | None, name: str, least: float) -> float | None:
    """0.98 from 0.98 or 98."""
    share = value / 100 if value is not None and value > 1 else value
    if share is not None and not least <= share <= 1:
        print(f"error: {name}={value:g}: give a share such as 0.98, or 98", file=sys.stderr)
        raise SystemExit(2)
    return share


if __name__ == "__main__":
    app(prog_name="python -m export")
