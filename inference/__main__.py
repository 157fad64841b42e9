"""Command line of serving: `python -m inference --help`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="""Use the face classifiers that `make export` wrote: on files, on a web page, timed.

    The answer is what the annotators of the training images would have perceived (woman or man),
    not a person's gender, and "uncertain" where the model is not sure enough.
    """,
)


Models = Annotated[
    Path, typer.Option("--models", envvar="MODELS", help="Folder that `make export` wrote.")
]
Backbone = Annotated[
    str | None,
    typer.Option(help="Model to use, e.g. vgg16. Left out: the champion.", show_default=False),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads. Left out: the physical cores.", show_default=False),
]
_MODELS = Path("artifacts/models")


@app.command()
def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Images, or folders to search.", show_default=False),
    ],
    csv: Annotated[
        Path, typer.Option(metavar="OUT", help="CSV to write; `-` is standard output.")
    ] = Path("-"),
    models: Models = _MODELS,
    backbone: Backbone = None,
    precision: Annotated[
        Literal["int8", "fp32"] | None,
        typer.Option(help="Left out: int8 if it passed its check, else fp32.", show_default=False),
    ] = None,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="Each image is one face in CelebA's framing.")
    ] = False,
    threads: Threads = None,
) -> None:
    """Classify images into a CSV, one row a face.

    Columns: file,face,left,top,right,bottom,detection_score,p_man,label,error. A picture that
    cannot be read gets one row with `error` filled, and the others are still done.
    Exit status: 0 all files were read, 1 some were not, 2 wrong usage.

    Example: python -m inference predict photos/ --aligned --csv faces.csv
    """
    with _user_errors():
        from inference.classifier import Classifier
        from inference.predict import expand, run

        files = expand(paths)
        if not files:
            _fail(f"no image files in {', '.join(map(str, paths))}")
        classifier = Classifier.load(models, backbone, precision, threads)
        if not aligned:
            _say("faces are not searched for yet: each image is taken as one face (--aligned)")
        tally = run(classifier, files, csv)
    _say(f"{tally.files} files: {tally.faces} faces, {tally.unread} files could not be read")
    raise typer.Exit(1 if tally.unread else 0)


@app.command()
def demo(
    models: Models = _MODELS,
    host: Annotated[
        str, typer.Option(envvar="HOST", help="Address to listen on; 0.0.0.0 is everyone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535)] = 7860,
) -> None:
    """Open a web page that classifies an uploaded, pasted or webcam picture.

    No picture is kept, nothing is sent anywhere, and only this machine can reach it by default.
    """
    with _user_errors():
        from inference.demo import serve

        serve(models, host, port)


@app.command()
def bench(
    models: Models = _MODELS,
    backbone: Backbone = None,
    threads: Threads = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds over all models.")] = 20,
    batch: Annotated[int, typer.Option(min=1, help="Images at once for the throughput.")] = 16,
    json_out: Annotated[
        Path | None,
        typer.Option("--json", metavar="OUT", help="Also write the figures.", show_default=False),
    ] = None,
) -> None:
    """Time every exported model in every precision, in turn, on this machine."""
    with _user_errors():
        from dataclasses import asdict

        from rich.console import Console

        from inference.bench import bench as measure

        report = measure(models, backbone, threads, rounds, batch)
        Console().print(report.table())
        if json_out:
            json_out.write_text(json.dumps(asdict(report), indent=2) + "\n")


@contextmanager
def _user_errors() -> Iterator[None]:
    """Turn what a user can put right into one line on stderr and exit status 2."""
    from inference.bundle import BundleError

    try:
        yield
    except BrokenPipeError:
        sys.stdout = None  # the reader left: nothing more to flush
        raise typer.Exit(2) from None
    except OSError as error:
        _fail(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    except BundleError as error:
        _fail(str(error))


def _say(message: str) -> None:
    typer.echo(message, err=True)


def _fail(message: str) -> NoReturn:
    _say(f"error: {message}")
    raise typer.Exit(2)


if __name__ == "__main__":
    app(prog_name="python -m inference")
