"""`python -m benchmarks`: the benchmarks, as `make bench-search` calls them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
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

app = command_group()


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


@app.callback(invoke_without_command=True)
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
    """Time the search: three benchmarks, all of them when none is named.

    `compare` asks whether the search is faster than plain Keras Tuner with the same trials, and
    how much; `parts` where a trial's seconds go, and which of them grow with images, epochs and
    trials; `workers` what a second process gains. Two more run when they are named: `suspects` asks
    which wrong labels are found, `scaling` what a run takes on other machines.

    Each is one run that measures both sides in turn, as times of different runs do not compare.
    It prints a table and writes `artifacts/bench/<name>.json`. Decoding images and loading weights
    are done before a clock starts. Options that all share come before the name; with the defaults
    and 2 cores compare takes about twenty minutes, the others a few.

    Examples: `make bench-search BENCH=workers`, `make bench-search BENCH=compare DATA=faces`,
    `python -m benchmarks --samples 300 --precision float32 compare --epochs 3`.
    """
    context.obj = Choices(data, weights, samples, backbones, size, precision, seed, artifacts)
    if context.invoked_subcommand is None:
        for benchmark in (compare, parts, workers):
            benchmark(context)


@app.command()
def compare(
    context: typer.Context,
    epochs: Annotated[
        int, typer.Option(min=1, help="Number of epochs of each trial, on both sides.")
    ] = 5,
    plain_trials: Annotated[
        int,
        typer.Option(
            min=1, help="Trials of plain Keras Tuner at each depth, at most as many as ours."
        ),
    ] = 1,
    algorithm: Annotated[
        Literal["bayesian", "random"],
        typer.Option(
            help="Algorithm of our search; bayesian, its default, takes a while before each trial. "
            "Plain Keras Tuner gets the trials that ours chose."
        ),
    ] = "bayesian",
) -> None:
    """The same trials by plain Keras Tuner and by us, at depths 0, 1 and 2."""
    import_tensorflow()
    from benchmarks import compare as benchmark
    from benchmarks.workload import prepared

    choices: Choices = context.obj
    settings = choices.settings(1500, "resnet50,vgg16", 96, "quick", algorithm)
    with (
        failing_on(*user_errors(), RuntimeError),
        prepared(settings, choices.artifacts) as workload,
    ):
        compared = benchmark.run(workload, epochs, plain_trials)
        shown: list[Table | str] = [benchmark.table(workload, epochs, compared)]
        shown += [line for item in compared for line in benchmark.lines(item)]
        _end(choices, "compare", shown, benchmark.content(workload, epochs, compared))


@app.command()
def parts(
    context: typer.Context,
    epochs: Annotated[
        int,
        typer.Option(
            min=1, help="Number of epochs of a trial; growth is measured to four times as many."
        ),
    ] = 2,
) -> None:
    """What one trial costs by part, and how it grows with images, epochs and trials."""
    import_tensorflow()
    from benchmarks import parts as benchmark
    from benchmarks.workload import prepared

    choices: Choices = context.obj
    settings = choices.settings(400, "googlenet", 96, "quick", "bayesian")
    with (
        failing_on(*user_errors(), RuntimeError),
        prepared(settings, choices.artifacts) as workload,
    ):
        measured = benchmark.run(workload, epochs)
        shown = benchmark.tables(workload, epochs, measured)
        _end(choices, "parts", shown, benchmark.content(workload, epochs, measured))


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


@app.command()
def scaling(
    context: typer.Context,
    images: Annotated[int, typer.Option(min=100, help="Number of images.")] = 5000,
    size: Annotated[
        int | None, typer.Option(help="Side of the images, pixels. Left out: the preset's.")
    ] = None,
    backbones: Annotated[
        str | None, typer.Option(help="Comma-separated names. Left out: all.")
    ] = None,
    preset: Annotated[
        Literal["quick", "standard", "full"], typer.Option(help="Preset of the search.")
    ] = "standard",
    cores: Annotated[
        int | None, typer.Option(min=1, help="Cores of each node. Left out: those here.")
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, help="Number of machines.")] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of each node; each is a slot.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes of each node, each with its share of the cores. Left out: the number "
            "with which a run is done first; with --check, 1.",
        ),
    ] = None,
    cache_gb: Annotated[
        float, typer.Option(min=0.1, help="Disk budget of the trunk cache, as CACHE_GB.")
    ] = 20.0,
    budget: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Minutes for the run, by which a search chooses its images and trials. Left out: "
            "all trials of the preset, however long.",
        ),
    ] = None,
    gbit: Annotated[
        float, typer.Option(min=0.01, help="Billions of bits a second between the machines.")
    ] = 10.0,
    shared: Annotated[
        bool, typer.Option("--shared", help="All machines see one folder: nothing is sent.")
    ] = False,
    check: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of a finished run: print what it took beside the prediction. The run was "
            "made here in one session, with ARTIFACTS of its own. May be given more than once."
        ),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Measure the constants of this machine and keep them."),
    ] = False,
    plans: Annotated[
        bool, typer.Option("--plans", help="Print the plans of docs/scaling.md, as Markdown.")
    ] = False,
    constants: Annotated[
        Path | None,
        typer.Option(
            help="Constants to use, JSON. Left out: those that were measured here, else the "
            "project's."
        ),
    ] = None,
) -> None:
    """What a run takes on other machines: minutes by part, disk, network, and what limits it.

    It is computed from constants of one machine: measure yours by `--measure`, which times every
    backbone on one core and some on all, for a quarter of an hour in all. Minutes "on the way" add
    up to the whole run; "slot-min" is the work of all slots, processes or GPUs. docs/scaling.md
    explains it.

    Examples: `python -m benchmarks scaling --images 200000 --cores 16 --nodes 3 --cache-gb 200`,
    `python -m benchmarks scaling --check artifacts/runs/faces-quick-8e1d06`.
    """
    import_tensorflow()
    from benchmarks.scaling import answers, measuring, tables
    from benchmarks.scaling.scenario import Scenario
    from data.processors import usable
    from tuning.search.presets import PRESETS

    choices: Choices = context.obj
    asked = replace(choices, backbones=backbones or choices.backbones, size=size or choices.size)
    settings = asked.settings(400, "all", PRESETS[preset].size, preset, "random")
    if measure:
        with failing_on(*user_errors()):
            found = measuring.measure(settings, choices.artifacts, print)
        shown: list[Table | str] = [tables.constants_table(found)]
        return _end(choices, answers.CONSTANTS, shown, found.model_dump())
    scenario = Scenario(
        images=images,
        size=settings.size,
        backbones=settings.backbones,
        preset=PRESETS[preset],
        cores=cores or usable(),
        nodes=nodes,
        gpus=gpus,
        workers=workers or 1,
        cache_gb=cache_gb,
        budget=budget,
        gbit=gbit,
        shared=shared,
    )
    with failing_on(ValueError, OSError, error=UsageError), failing_on(*user_errors()):
        known, whose = answers.constants_for(constants, choices.artifacts)
        if check:
            shown, content = answers.checks(known, check, scenario)
            return _end(choices, "scaling-check", [whose, *shown], content)
        if plans:
            shown, content = answers.all_plans(known)
            return _end(choices, "scaling-plans", shown, content)
        shown, content = answers.prediction(known, scenario, workers)
    return _end(choices, "scaling", [whose, *shown], content)


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
