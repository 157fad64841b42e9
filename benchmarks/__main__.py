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

    from tuning.runs.run_folder import RunFolder

app = command_group(needs_command=True)


PresetOption = Annotated[
    Literal["quick", "standard", "full"], typer.Option(help="Preset of the search.")
]
RunOption = Annotated[
    str | None,
    typer.Option(envvar="RUN", help="Name of a run that is there. Left out: a new one is done."),
]


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
            help="Images to learn from, a fifth of which validate; test images come on top. Left "
            "out: 1,500 for equal-minutes, 5,000 for anytime and suspects, 2,000 for growth, 1,000 "
            "for workers.",
        ),
    ] = None,
    backbones: Annotated[
        str | None,
        typer.Option(
            envvar="BACKBONES",
            help="Comma-separated names, or 'all'. Left out: vgg16,resnet50 for equal-minutes, all "
            "for anytime, googlenet for growth, googlenet,resnet50 for the others.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(envvar="SIZE", help="Side of the images, pixels. Left out: 96."),
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
    """Measure the search on the images, with the weights and of the size that you give.

    `equal-minutes` asks how much sooner than plain Keras Tuner it is as good; `anytime` what a stop
    at any minute leaves; `minutes` where the time of a run went; `growth` what more images cost;
    `workers` what more processes gain; `suspects` which wrong labels are found; `passes` how fast
    images pass a frozen trunk, and by what.

    Whatever compares two sides measures both in one run, in turn, as times of different runs do not
    compare. Each prints tables that name the processor and writes `artifacts/bench/<name>.json`,
    with curves as PNG. Options that all share come before the name.

    Examples: `make bench-search BENCH=equal-minutes DATA=celeba WEIGHTS=weights`,
    `python -m benchmarks --samples 300 equal-minutes --minutes 2`.
    """
    context.obj = Choices(data, weights, samples, backbones, size, precision, seed, artifacts)


@app.command()
def equal_minutes(
    context: typer.Context,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Time of each search, from its process's start on.")
    ] = 20.0,
    rounds: Annotated[
        int, typer.Option(min=1, help="Searches of each side; they alternate in pairs.")
    ] = 1,
    tuner: Annotated[
        Literal["bayesian", "random"], typer.Option(help="Algorithm of plain Keras Tuner.")
    ] = "bayesian",
    defaults: Annotated[
        bool,
        typer.Option(
            "--defaults",
            help="Let plain Keras Tuner search once more with TensorFlow's own defaults.",
        ),
    ] = False,
) -> None:
    """Plain Keras Tuner and ours with the same time: who is ahead at which minute.

    Each search is a process of its own, with the same images, pretrained weights and variables of
    the environment. Counted is what a stop would leave: plain's best epoch so far, our best trial
    (validation images) and the winner on disk (test images). With the defaults it takes eighty
    minutes on an idle machine.

    Example: `python -m benchmarks --data celeba --weights weights equal-minutes --rounds 3`.
    """
    import_tensorflow()
    from benchmarks import equal_minutes as benchmark
    from benchmarks.workload import prepared

    choices: Choices = context.obj
    settings = choices.settings(1500, "vgg16,resnet50", 96, "standard", "bayesian")
    with (
        failing_on(*user_errors(), RuntimeError),
        prepared(settings, choices.artifacts) as workload,
    ):
        sides = benchmark.run(workload, minutes, rounds, tuner, defaults)
        compared = benchmark.compare(sides, minutes)
        shown: list[Table | str] = [benchmark.table(workload, minutes, compared)]
        shown += _drawn(benchmark.draw(choices.artifacts / "bench", minutes, sides))
        content = benchmark.content(workload, minutes, sides, compared)
        _end(choices, "equal-minutes", shown, content)


@app.command()
def anytime(
    context: typer.Context,
    run: RunOption = None,
    preset: PresetOption = "standard",
    budget: Annotated[
        float | None,
        typer.Option(min=0.1, help="Minutes for the run, as BUDGET. Left out: until converged."),
    ] = None,
    busy: Annotated[
        int, typer.Option(min=0, help="Processes that keep a core busy each meanwhile.")
    ] = 0,
) -> None:
    """What a stop at any minute leaves: accuracy of all backbones over a whole run, as a curve.

    It does what `make tune` does with the same settings, with nothing cached, and puts the run
    among the others as `anytime-idle` or `anytime-busy-2`; `--run` draws one that is there, also
    while somebody works on it. Where its minutes went is shown as well, as by `minutes`.

    Examples: `python -m benchmarks --data celeba --weights weights anytime --busy 2`,
    `python -m benchmarks anytime --run faces-standard-8e1d06`.
    """
    import_tensorflow()
    from benchmarks import anytime as benchmark

    choices: Choices = context.obj
    settings = choices.settings(5000, "all", 96, preset, "bayesian")
    with failing_on(*user_errors(), RuntimeError):
        if run:
            watched = choices.artifacts / "bench" / f"{run}.json"
            measured = benchmark.Anytime.of(_run_named(choices, run), watched)
        else:
            settings = settings.model_copy(update={"budget": budget})
            measured = benchmark.run(settings, choices.artifacts, busy)
        shown: list[Table | str] = [benchmark.table(measured)]
        shown += _drawn(benchmark.draw(choices.artifacts / "bench", measured))
        _end(choices, measured.run.name, shown, benchmark.content(measured))
        _show_minutes(choices, measured.run)


@app.command()
def minutes(
    context: typer.Context,
    run: Annotated[str, typer.Argument(envvar="RUN", help="Name of the run.", show_default=False)],
) -> None:
    """Where each minute of a run went, and how fast its passes and training steps were.

    Seconds by backbone and step, and billions of multiplications and additions a second (GMAC/s)
    beside those of NumPy's product of matrices on this machine, which is measured now.

    Example: `python -m benchmarks minutes faces-standard-8e1d06`.
    """
    import_tensorflow()
    choices: Choices = context.obj
    with failing_on(*user_errors()):
        _show_minutes(choices, _run_named(choices, run))


@app.command()
def growth(
    context: typer.Context,
    tables: Annotated[
        bool,
        typer.Option("--tables", help="Print what needs no measuring, as docs/scaling.md has it."),
    ] = False,
) -> None:
    """How time, disk and memory of a search's steps grow with the images: docs/scaling.md.

    Pass, closed-form head and a leg of fine-tuning, on a quarter, half and all training images.

    Example: `python -m benchmarks --data celeba --samples 4000 --backbones vgg16 growth`.
    """
    import_tensorflow()
    if tables:
        from benchmarks.per_image import page_tables

        typer.echo("\n\n".join(page_tables()))
        return
    from benchmarks import growth as benchmark
    from benchmarks.workload import prepared

    choices: Choices = context.obj
    settings = choices.settings(2000, "googlenet", 96, "standard", "bayesian")
    with (
        failing_on(*user_errors(), RuntimeError),
        prepared(settings, choices.artifacts) as workload,
    ):
        grown = benchmark.run(workload)
        shown = [benchmark.table(workload, grown)]
        _end(choices, "growth", shown, benchmark.content(workload, grown))


@app.command()
def workers(
    context: typer.Context,
    preset: PresetOption = "quick",
    minutes: Annotated[float, typer.Option(min=0.1, help="Time of each run.")] = 5.0,
    rounds: Annotated[
        int, typer.Option(min=1, help="Number of rounds, each with all numbers of workers.")
    ] = 1,
) -> None:
    """The same minutes for one process and for one and two workers, and what Ray itself costs."""
    import_tensorflow()
    from benchmarks import workers as benchmark

    choices: Choices = context.obj
    settings = choices.settings(1000, "googlenet,resnet50", 96, preset, "random")
    with failing_on(*user_errors(), RuntimeError):
        measured = benchmark.run(settings, choices.artifacts, minutes, rounds)
    shown = [benchmark.table(settings, minutes, rounds, measured)]
    _end(choices, "workers", shown, benchmark.content(settings, minutes, rounds, measured))


@app.command()
def passes(context: typer.Context) -> None:
    """Passes through frozen trunks on one core: TensorFlow, folded and as trained, onnxruntime.

    Pixels are random, so that no data are needed. TF_ENABLE_ONEDNN_OPTS=0 shows what oneDNN is
    worth, ONEDNN_MAX_CPU_ISA=AVX2 how it does without AVX-512.

    Example: `python -m benchmarks --weights none --backbones vgg16 passes`.
    """
    import_tensorflow()
    import tensorflow as tf

    from benchmarks import passes as benchmark

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    choices: Choices = context.obj
    settings = choices.settings(100, "all", 96, "quick", "random")
    with failing_on(*user_errors(), RuntimeError):
        speeds, peak = benchmark.run(settings), benchmark.core_peak()
        shown = [benchmark.table(settings, speeds, peak)]
        _end(choices, "passes", shown, benchmark.content(settings, speeds, peak))


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
def steps(
    context: typer.Context,
    tails: Annotated[
        str,
        typer.Option(
            help='Tails with commas between, each stages/depth such as "4/1". Left out: those that '
            "a search tries first."
        ),
    ] = "",
    batch_sizes: Annotated[
        list[int] | None,
        typer.Option("--batch-size", min=1, help="Images in a step; may be given more than once."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 15,
) -> None:
    """How long a training step takes beside its forward pass, and where the rest goes.

    On random images and weights, which take as long as others.

    Example: `python -m benchmarks --backbones resnet50 steps --tails 4/1,5/1 --batch-size 32`.
    """
    import_tensorflow()
    from benchmarks import steps as benchmark
    from benchmarks.processor_peak import peak_gmacs

    choices: Choices = context.obj
    settings = choices.settings(100, "googlenet,vgg16,resnet50", 96, "quick", "random")
    with failing_on(ValueError, error=UsageError):
        asked = [benchmark.Tail.of(text) for text in tails.split(",") if text.strip()]
    with failing_on(*user_errors()):
        timed = list(benchmark.run(settings, asked, batch_sizes or [32], rounds))
    peak = peak_gmacs()
    shown = [benchmark.table(settings, timed, peak)]
    _end(choices, "steps", shown, benchmark.content(settings, timed, peak))


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


def _run_named(choices: Choices, name: str) -> RunFolder:
    from tuning.runs.run_folder import RunError, RunFolder

    runs = choices.artifacts / "runs"
    with failing_on(RunError, error=UsageError):
        run = RunFolder.named(runs, name)
    if not run.path.is_dir():
        raise UsageError(f"RUN={name}: no such run in {runs}")
    return run


def _show_minutes(choices: Choices, run: RunFolder) -> None:
    from benchmarks import minutes as benchmark
    from benchmarks.processor_peak import peak_gmacs

    where, peak = benchmark.spent(run), peak_gmacs()
    how_fast = benchmark.speeds(run, peak)
    shown = [benchmark.spent_table(run, where), benchmark.speed_table(how_fast, peak)]
    _end(choices, f"minutes-{run.name}", shown, benchmark.content(run, where, how_fast, peak))


def _drawn(paths: Iterable[Path]) -> list[Table | str]:
    return [f"drawn: {path}" for path in paths]


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
