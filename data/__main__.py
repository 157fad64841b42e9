"""Command line: ``python -m data describe PATH``, ``fetch``, ``synthesize``."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from data.cli import UsageError, Version, command_group, existing_path, failing_on, say
from data.memory import say_peak_memory
from data.progress import progress

app = command_group(needs_command=True)

_KNOWN = "CelebA, synthetic portraits, FairFace, UTKFace, a folder per class, a CSV or parquet file"


@app.callback()
def start(_version: Version = False) -> None:
    """Look at a data set of face images, fetch CelebA, or draw a synthetic data set."""


@app.command()
def describe(
    path: Annotated[Path, typer.Argument(envvar="DATA", help=f"The data set: {_KNOWN}.")],
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Number of images to open, chosen at random."),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            envvar="LABELS",
            help="Class that each word of a table or folder name means, as in 0=man,1=woman.",
        ),
    ] = "",
    label: Annotated[
        str,
        typer.Option(
            envvar="LABEL",
            help="Names of the labels to learn, with commas; left out: gender or the only one.",
        ),
    ] = "",
    ages: Annotated[
        str, typer.Option(envvar="AGES", help="Groups of ages in years, as in 0-17,18-64,65+.")
    ] = "",
    split: Annotated[
        Literal["given", "identity", "official"],
        typer.Option(
            envvar="SPLIT",
            help="given: the data set's own split, if it is whole; identity: ignore it; official: "
            "as published, or an error.",
        ),
    ] = "given",
    artifacts: Annotated[
        Path,
        typer.Option(envvar="ARTIFACTS", help="Hashes of images are kept there if it exists."),
    ] = Path("artifacts"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, long lists included.")
    ] = False,
) -> None:
    """Recognize a data set and say what is in it and what is wrong with it.

    Prints the format, the labels that it offers, counts and balance, image sizes, identities,
    official splits, unreadable files, copies of images, and labels that contradict those of the
    same person's other images.
    """
    from rich.console import Console

    from data.copies.hashes import cache_file
    from data.describe import describe as measure
    from data.describe import show
    from data.formats import load
    from data.manifest import DataError
    from data.offers import choice_of

    with failing_on(DataError, error=UsageError):
        choice_of(label, labels, ages)
    with failing_on(DataError), progress("opening images") as update:
        dataset = load(existing_path(path), labels, split, label, ages)
        hashes = cache_file(artifacts / "cache" / "hashes", dataset.root)
        cache = hashes if artifacts.is_dir() else None
        facts = measure(dataset, limit, progress=update, cache=cache)
    if as_json:
        print(json.dumps(facts.to_dict(), indent=2, ensure_ascii=False))
    else:
        show(facts, Console())
    say_peak_memory()


@app.command()
def fetch(
    to: Annotated[Path, typer.Option(help="Folder in which the data set appears.")] = Path(
        "artifacts/datasets/celeba"
    ),
) -> None:
    """Fetch CelebA (1.3 GB) from Kaggle; `make tune` finds it there.

    CelebA is for non-commercial research: see its terms at
    https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html
    """
    from data.fetch import fetch as get
    from data.manifest import DataError

    with failing_on(DataError):
        dataset = get(to)
    say(f"{dataset.name}: {len(dataset.manifest):,} images in {to}")


@app.command()
def synthesize(
    to: Annotated[Path, typer.Argument(help="Folder to make.")] = Path(
        "artifacts/datasets/synthetic"
    ),
    count: Annotated[
        int, typer.Option(min=6, help="Number of portraits, three of each person.")
    ] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same portraits.")] = 0,
) -> None:
    """Draw synthetic portraits in CelebA's layout. They only show that the pipeline works."""
    from data.manifest import DataError
    from data.synthetic.writing import generate

    with failing_on(DataError), progress("drawing portraits") as update:
        generate(to, count, seed, update)
    say(f"{count:,} portraits in {to}")


def main(arguments: list[str] | None = None, name: str = "python -m data") -> None:
    """Run the command line and exit with its status.

    Args:
        arguments: Its arguments; those of the process if None.
        name: How it was called, for help and errors.
    """
    app(arguments, prog_name=name)


if __name__ == "__main__":
    main()
