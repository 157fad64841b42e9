"""Command line: ``python -m data describe PATH``, ``fetch``, ``synthesize``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from data.cli import print_any_name
from data.progress import progress

app = typer.Typer(
    help="Face image data sets: look at one, fetch CelebA, or draw a synthetic one.",
    no_args_is_help=True,
    add_completion=False,
)

_KNOWN = "CelebA, synthetic portraits, FairFace, UTKFace, a folder per class, a CSV or parquet file"


@app.callback()
def start() -> None:
    """Face image data sets: look at one, fetch CelebA, or draw a synthetic one."""
    print_any_name()


@app.command()
def describe(
    path: Annotated[Path, typer.Argument(envvar="DATA", help=f"The data set: {_KNOWN}.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Open only so many images, chosen at random.")
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            envvar="LABELS",
            help="Which label each word of a table or folder means, as in 0=man,1=woman.",
        ),
    ] = "",
    split: Annotated[
        Literal["given", "identity"],
        typer.Option(envvar="SPLIT", help="identity: do not use the data set's own parts."),
    ] = "given",
    artifacts: Annotated[
        Path,
        typer.Option(envvar="ARTIFACTS", help="Where hashes of images are kept, if it is there."),
    ] = Path("artifacts"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, long lists included.")
    ] = False,
) -> None:
    """Recognise a data set and say what is in it and what is wrong with it.

    Prints the format, counts and balance, image sizes, identities, official splits, unreadable
    files, copies of images, and labels that contradict those of the same person's other images.
    """
    from rich.console import Console

    from data.copies.hashes import cache_file
    from data.describe import describe as measure
    from data.describe import show
    from data.formats import load

    with _plain_errors(), progress("opening images") as update:
        dataset = load(path, labels, split)
        hashes = cache_file(artifacts / "cache" / "hashes", dataset.root)
        cache = hashes if artifacts.is_dir() else None
        facts = measure(dataset, limit, progress=update, cache=cache)
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
    typer.echo(f"{dataset.name}: {len(dataset.manifest):,} images in {to}", err=True)


@app.command()
def synthesize(
    to: Annotated[Path, typer.Argument(help="The folder to make.")] = Path(
        "artifacts/datasets/synthetic"
    ),
    count: Annotated[int, typer.Option(help="How many portraits, three of each person.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same portraits.")] = 0,
) -> None:
    """Draw synthetic portraits in CelebA's layout. They measure the plumbing, not people."""
    from data.synthetic.writing import generate

    with _plain_errors(), progress("drawing portraits") as update:
        generate(to, count, seed, update)
    typer.echo(f"{count:,} portraits in {to}", err=True)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """A wrong data set ends the program with one line on stderr and exit code 1."""
    from data.manifest import DataError

    try:
        yield
    except DataError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app(prog_name="python -m data")
