"""`python -m export`: a run's winners to bundles, as `make export` calls it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

if __name__ == "__main__":  # a folder `data` where one works does not hide ours
    sys.path.insert(0, str(Path(__file__).parents[1]))

import typer

from data.cli import CommandError, UsageError, Version, command_group, failing_on
from data.memory import say_peak_memory
from tuning.helpers import CORES, AddressOption, CoresOption, Helpers, WorkersOption
from tuning.tensorflow_import import import_tensorflow

app = command_group()


@app.callback(invoke_without_command=True)
def export(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Option(envvar="RUN", help="Name of the run. Left out: the one finished last."),
    ] = None,
    max_latency_ms: Annotated[
        float | None,
        typer.Option(envvar="MAX_LATENCY_MS", help="Largest latency of the champion, ms an image."),
    ] = None,
    max_size_mb: Annotated[
        float | None, typer.Option(envvar="MAX_SIZE_MB", help="Largest size of the champion, MB.")
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option(
            envvar="MIN_ACCURACY",
            help="Least accuracy of the champion on validation images: 0.95 or 95.",
        ),
    ] = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            envvar="TARGET_ACCURACY",
            help="Accuracy wanted of the decisions, 0.98 or 98, as a lower bound by the validation "
            "images: the surest predictions are decisions, the others 'uncertain'. Left out: the "
            "highest of 0.98, 0.95, 0.9, … with which half are decided.",
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(envvar="MODELS", help="Folder for the bundles. Left out: artifacts/models."),
    ] = None,
    workers: WorkersOption = None,
    ray_address: AddressOption = None,
    cores: CoresOption = CORES,
    artifacts: Annotated[
        Path, typer.Option(envvar="ARTIFACTS", help="Folder for everything a run makes.")
    ] = Path("artifacts"),
    _version: Version = False,
) -> None:
    """Export a run's winners to SavedModel and ONNX and name a champion.

    Each exported model must predict as the Keras model does on the run's test images, or the
    export fails. INT8 is served if it decides as fp32 does on the validation images. The champion
    is the best on validation images within the limits given. With WORKERS or RAY_ADDRESS others
    convert, compare and quantize side by side; this machine alone then measures speed.

    Examples: `make export`, `make export RUN=faces MAX_LATENCY_MS=20`.
    """
    if context.invoked_subcommand:
        return
    target = _share(target_accuracy, "TARGET_ACCURACY", 0.5)
    least_accuracy = _share(min_accuracy, "MIN_ACCURACY", 0.0)
    helpers = Helpers(workers, ray_address, cores)
    runs = artifacts / "runs"
    if run:
        _check_run(runs, run)
    _check_providers()
    import_tensorflow(gpus=False)  # speeds are those of the processor that serves
    from data import DataError
    from export.champion import Limits, LimitsError
    from export.export_run import export_run
    from export.parity import ParityError
    from tuning.cluster.errors import ClusterError
    from tuning.runs.run_folder import RunError, RunFolder, latest_run

    with failing_on(DataError, RunError, ParityError, LimitsError, ClusterError):
        export_run(
            RunFolder.named(runs, run) if run else latest_run(runs),
            models or artifacts / "models",
            artifacts / "cache" / "images",
            Limits(max_latency_ms, max_size_mb, least_accuracy),
            target,
            helpers,
        )
    say_peak_memory()


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

    error = CommandError if models.is_dir() else UsageError
    with failing_on(SpaceError, BundleError, error=error):
        write(models, to)
    print(f"{to} is ready: `cd {to} && pip install -r requirements.txt && python app.py` tries it")


@app.command()
def web(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write.")],
    models: Annotated[
        Path, typer.Option(envvar="MODELS", help="Folder that `make export` wrote.")
    ] = Path("artifacts/models"),
    registry: Annotated[
        str,
        typer.Option(
            envvar="NPM_CONFIG_REGISTRY",
            help="npm registry that onnxruntime-web is fetched from, once (33 MB).",
        ),
    ] = "https://registry.npmjs.org",
) -> None:
    """Write a folder of static files that classifies photos and the webcam in the browser.

    Any web server serves it, and pictures never leave the device. It holds the champion, the face
    detector and onnxruntime-web, which comes from the npm registry, is checked by its hash, and is
    kept for the next time. DIR may be a fresh clone, or one written before.

    Example: `python -m export web --to my-page`, then
    `python -m http.server --bind 127.0.0.1 --directory my-page`.
    """
    from export.web.folder import WebError, write
    from export.web.npm import NpmError
    from inference import BundleError, DetectorError

    error = CommandError if models.is_dir() else UsageError
    with failing_on(WebError, BundleError, NpmError, DetectorError, error=error):
        size = write(models, to, registry)
    print(
        f"{to} is ready ({size / 1e6:.0f} MB): `python -m http.server --bind 127.0.0.1 "
        f"--directory {to}`, then open http://127.0.0.1:8000"
    )


@app.command()
def push(
    to: Annotated[
        str,
        typer.Option("--to", metavar="USER/MODEL", help="Repository on the hub, made if need be."),
    ],
    models: Annotated[
        Path, typer.Option(envvar="MODELS", help="Folder that `make export` wrote.")
    ] = Path("artifacts/models"),
    backbone: Annotated[
        str | None,
        typer.Option(help="Model to push. Left out: the champion.", show_default=False),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Let nobody else see what is made.")
    ] = False,
    with_space: Annotated[
        bool, typer.Option("--space", help="Also make or update a Space of the same name.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace files that this program did not put there."),
    ] = False,
    license_id: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="ID",
            help="License of the model, as the hub names it. Left out: what its data set demands.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Upload a model to Hugging Face's hub, or the one that HF_ENDPOINT names.

    It gets the ONNX files that may be served, bundle, model card with figures and their intervals,
    and a drawn picture. The token is that of HF_TOKEN or of `hf auth login`; it needs the right to
    write. Whoever may read the model uses it by `--models hf://USER/MODEL`.

    Example: `face-classifier push --to ann/faces --dry-run`, then without `--dry-run`.
    """
    repository = _repository(to)
    from export.hub_repository import NoTokenError, TakenError
    from export.push import Push
    from export.space import SpaceError
    from inference import BundleError
    from inference.bundle import find

    with failing_on(BundleError, error=CommandError if models.is_dir() else UsageError):
        item = find(models, backbone)
    wanted = Push(item, repository, private, with_space, force, license_id)
    with (
        failing_on(BundleError, SpaceError, TakenError),
        failing_on(NoTokenError, error=UsageError),
    ):
        for line in wanted.planned() if dry_run else wanted.run():
            print(line, flush=True)


def _repository(to: str) -> str:
    from inference import HubError
    from inference.bundle.hub import HubAddress

    try:
        address = HubAddress.parse(to if to.startswith("hf:") else f"hf://{to}")
    except HubError:
        raise UsageError(f"--to {to}: give user/model, such as ann/faces") from None
    if address != HubAddress(address.repository):
        raise UsageError(f"--to {to}: a push goes to the main branch: leave out the revision")
    return address.repository


def _check_run(runs: Path, name: str) -> None:
    from tuning.runs.run_folder import RunError, RunFolder

    with failing_on(RunError, error=UsageError):
        folder = RunFolder.named(runs, name)
    if not folder.path.is_dir():
        raise UsageError(f"RUN={name}: no such run in {runs}")


def _check_providers() -> None:
    """Refuse an unknown runtime before the work, not when OpenVINO has its turn."""
    from inference.errors import ProviderError
    from inference.runtime.providers import chosen

    with failing_on(ProviderError, error=UsageError):
        chosen(None)


def _share(value: float | None, name: str, least: float) -> float | None:
    """0.98 from 0.98 or 98."""
    share = value / 100 if value is not None and value > 1 else value
    if share is not None and not least <= share <= 1:
        raise UsageError(f"{name}={value:g}: give a share such as 0.98, or 98")
    return share


def main(arguments: list[str] | None = None, name: str = "python -m export") -> None:
    """Run the command line and exit with its status, see `data.__main__.main`."""
    app(arguments, prog_name=name)


if __name__ == "__main__":
    main()
