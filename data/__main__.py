"""Command line: ``python -m data describe PATH``, ``fetch``, ``synthesize``."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    help="Face image data sets: look at one, fetch CelebA, or draw a synthetic one.",
    no_args_is_help=True,
    add_completion=False,
)
_errors = Console(stderr=True)

_KNOWN = "CelebA, synthetic portraits, FairFace, UTKFace, a folder per class, a CSV or parquet file"


@app.command()
def describe(
    path: Annotated[Path, typer.Argument(envvar="DATA", help=f"The data set: {_KNOWN}.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Open only so many images, chosen at random.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, long lists included.")
    ] = False,
) -> None:
    """Recognise a data set and say what is in it and what is wrong with it.

    Prints the format, counts and balance, image sizes, identities, official splits, unreadable
    files, exact duplicates, and labels that contradict those of the same person's other images.
    """
    from data.describe import describe as measure
    from data.describe import show
    from data.formats import load

    with _plain_errors(), _progress("Opening images") as progress:
        facts = measure(load(path), limit, progress=progress)
    if as_json:
        print(json.dumps(facts.as_dict(), indent=2, ensure_ascii=False))
    else:
        show(facts, Console())


@app.command()
def fetch(
    to: Annotated[Path, typer.Option(help="Where the data set is to appear.")] = Path(
        "artifacts/datasets/celeba"
    ),
) -> None:
    """Fetch CelebA (1.3 GB) from Kaggle; `make tune` finds it there.

    CelebA is for non-commercial research: see its terms at
    https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html
    """
    from data.fetch import fetch as get

    with _plain_errors():
        dataset = get(to)
    _errors.print(f"{dataset.name}: {len(dataset.manifest):,} images in {to}")


@app.command()
def synthesize(
    to: Annotated[Path, typer.Argument(help="The folder to make.")] = Path(
        "artifacts/datasets/synthetic"
    ),
    count: Annotated[int, typer.Option(help="How many portraits, three of each person.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same portraits.")] = 0,
) -> None:
    """Draw synthetic portraits in CelebA's layout. They measure the plumbing, not people."""
    from data.synthetic import generate

    with _plain_errors(), _progress("Drawing portraits") as progress:
        generate(to, count, seed, progress)
    _errors.print(f"{count:,} portraits in {to}")


@contextmanager
def _plain_errors() -> Iterator[None]:
    """A wrong data set ends the program with one line on stderr and exit code 1."""
    from data.manifest import DataError

    try:
        yield
    except DataError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, as a function of the number done and the number of all."""
    from rich.progress import Progress

    with Progress(console=_errors, transient=True, disable=not _errors.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


if __name__ == "__main__":
    app(prog_name="python -m data")
