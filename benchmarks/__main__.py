"""`python -m benchmarks`: the benchmarks, as `make bench-search` calls them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

if __name__ == "__main__":  # a folder `data` where one works does not hide ours
    sys.path.insert(0, str(Path(__file__).parents[1]))

import typer

from data.cli import UsageError, Version, command_group, existing_path, failing_on
from tuning.__main__ import user_errors
from tuning.precision import Precision
from tuning.runs.settings import Algorithm, Settings
from tuning.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from rich.table import Table

app = command_group(needs_command=True)


@dataclass(frozen=True)
class Choices:
    """The options that all benchmarks share; None for a benchmark's own default.

    Attributes:
        data: Folder or CSV of images, or "synthetic".
        weights: Folder of pretrained weights, "imagenet" or "none".
        samples: Number of images of the data set to take, at least 100.
        backbones: Names with commas between.
        size: Side of the images, pixels.
        precision: Arithmetic of both sides.
        seed: Seed of everything random.
        artifacts: Folder in which results go to `bench/`.

    Example:
        >>> choices = Choices("synthetic", "none", None, None, 64, "float32", 0, Path("artifacts"))
        >>> settings = choices.settings(400, "googlenet", 96, "quick", "random")
        >>> settings.samples, settings.size
        (400, 64)
    """

    data: str
    weights: str
    samples: int | None
    backbones: str | None
    size: int | None
    precision: Precision
    seed: int
    artifacts: Path

    def settings(
        self, samples: int, backbones: str, size: int, preset: str, algorithm: Algorithm
    ) -> Settings:
        """Make the settings of a run from the choices and a benchmark's own defaults.

        Args:
            samples: Default number of images.
            backbones: Default names with commas between.
            size: Default side of the images, pixels.
            preset: Preset of the search.
            algorithm: Algorithm of the search.

        Raises:
            UsageError: A choice is wrong.
        """
        from tuning.backbones.registry import MAX_SIZE, MIN_SIZE, names_in

        with failing_on(ValueError, error=UsageError):
            names = names_in(self.backbones or backbones)
        size = self.size or size
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise UsageError(f"SIZE={size}: must be {MIN_SIZE} to {MAX_SIZE} pixels")
        return Settings(
            data=self._folder(self.data, "DATA", "synthetic"),
            samples=self.samples or samples,
            backbones=names,
            preset=preset,
            size=size,
            weights=self._folder(self.weights, "WEIGHTS", "imagenet", "none"),
            algorithm=algorithm,
            seed=self.seed,
            precision=self.precision,
        )

    def _folder(self, value: str, option: str, *words: str) -> str:
        if value in words:
            return value
        return str(existing_path(value, option).resolve())


@app.callback()
def bench(
    context: typer.Context,
    data: Annotated[str, typer.Option(envvar="DATA", help="As for `make tune`.")] = "synthetic",
    weights: Annotated[
        str, typer.Option(envvar="WEIGHTS", help="As for `make tune`.")
    ] = "imagenet",
    samples: Annotated[
        int | None,
        typer.Option(
            envvar="SAMPLES",
            min=100,
            help="Images: most to train, a fifth to validate. Left out: 1,500 "
            "for compare, 400 for parts, 200 for workers.",
        ),
    ] = None,
    backbones: Annotated[
        str | None,
        typer.Option(
            envvar="BACKBONES",
            help="Comma-separated names. Left out: resnet50,vgg16 for compare, googlenet for the "
            "others.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            envvar="SIZE", help="Side of the images, pixels. Left out: 96, for workers 64."
        ),
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option(
            envvar="PRECISION",
            help="Arithmetic of both sides: bfloat16, float32, or auto for the faster one that "
            "this processor has.",
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(envvar="SEED", help="Seed of everything random.")] = 0,
    artifacts: Annotated[
        Path, typer.Option(envvar="ARTIFACTS", help="Folder in which results go to bench/.")
    ] = Path("artifacts"),
    _version: Version = False,
) -> None:
    """Time the search on the images, with the weights and of the size that you give.

    Each is one run that measures both sides in turn, as times of different runs do not compare.
    It prints a table and writes `artifacts/bench/<name>.json`. Decoding images and loading weights
    are done before a clock starts. Options that all share come before the name.

    Examples: `make bench-search BENCH=workers`, `python -m benchmarks --samples 300 suspects`.
    """
    context.obj = Choices(data, weights, samples, backbones, size, precision, seed, artifacts)


@app.command()
def workers(
    context: typer.Context,
    preset: Annotated[
        Literal["quick", "standard", "full"], typer.Option(help="Preset of the study.")
    ] = "quick",
    rounds: Annotated[
        int, typer.Option(min=1, help="Number of rounds, each with all numbers of workers.")
    ] = 1,
) -> None:
    """The same run by one process and by one and two workers, and what Ray itself costs."""
    import_tensorflow()
    from benchmarks import workers as benchmark

    choices: Choices = context.obj
    settings = choices.settings(200, "googlenet,resnet50", 64, preset, "random")
    with failing_on(*user_errors(), RuntimeError):
        measured = benchmark.run(settings, choices.artifacts, rounds)
    shown = [benchmark.table(settings, rounds, measured)]
    _end(choices, "workers", shown, benchmark.content(settings, rounds, measured))


@app.command()
def heads(context: typer.Context) -> None:
    """What heads in closed form are worth by stage and grid, out of fold and on other images."""
    import_tensorflow()
    from benchmarks import heads as benchmark
    from benchmarks.workload import prepared

    choices: Choices = context.obj
    settings = choices.settings(5000, "googlenet,vgg16,resnet50", 96, "quick", "random")
    with (
        failing_on(*user_errors(), RuntimeError),
        prepared(settings, choices.artifacts) as workload,
    ):
        solved = benchmark.run(workload)
        shown = [benchmark.table(workload, solved)]
        _end(choices, "heads", shown, benchmark.content(workload, solved))


@app.command()
def suspects(context: typer.Context) -> None:
    """Which wrong labels are among the first suspects, and what leaving them out is worth."""
    import_tensorflow()
    from benchmarks import suspects as benchmark
    from benchmarks.workload import prepared

    choices: Choices = context.obj
    settings = choices.settings(5000, "googlenet,resnet50", 96, "quick", "random")
    with (
        failing_on(*user_errors(), RuntimeError),
        prepared(settings, choices.artifacts) as workload,
    ):
        found = benchmark.run(workload)
        shown = [benchmark.table(workload, found)]
        _end(choices, "suspects", shown, benchmark.content(workload, found))


def _end(
    choices: Choices, name: str, shown: Iterable[Table | str], content: dict[str, Any]
) -> None:
    from rich.console import Console

    from data.atomic import write_json

    path = choices.artifacts / "bench" / f"{name}.json"
    write_json(path, content)
    console = Console(highlight=False)
    for item in shown:
        console.print(item, soft_wrap=isinstance(item, str))
    console.print(f"written to {path}", soft_wrap=True)


def main(arguments: list[str] | None = None, name: str = "python -m benchmarks") -> None:
    """Run the command line and exit with its status, see `data.__main__.main`."""
    app(arguments, prog_name=name)


if __name__ == "__main__":
    main()
