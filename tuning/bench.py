"""`python -m tuning.bench`: our trials beside plain Keras Tuner's, in one run.

Plain Keras Tuner is what a competent user writes: a HyperModel on the same pretrained model, the
same images and the same frozen layers, trained from pixels by `fit`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tuning import quiet

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
DEPTHS = (0, 1, 2)
FURTHER = 10


@dataclass(frozen=True)
class Measured:
    """One backbone, plain Keras Tuner's trials beside ours.

    Attributes:
        plain_seconds: of a trial, by depth.
        our_seconds: of a further trial, Keras Tuner's overhead included, median, by depth.
        trunk_seconds: of the one pass that writes all cuts, both views.
        plain_accuracy: on validation images, by depth.
        our_accuracy: likewise, best of the depth's trials.
        ratio: plain / ours of a further trial, by depth.
        ratio_ten: of ten trials at depth 0, our trunk pass counted.
        plain_total: seconds of plain Keras Tuner's whole search.
        our_time_to_best: seconds until we reach its best accuracy, trunk pass counted; None: never.
    """

    backbone: str
    plain_seconds: dict[int, float]
    our_seconds: dict[int, float]
    trunk_seconds: float
    plain_accuracy: dict[int, float]
    our_accuracy: dict[int, float]
    ratio: dict[int, float]
    ratio_ten: float
    plain_total: float
    our_time_to_best: float | None


@app.command()
def bench(
    data: Annotated[str, typer.Option(envvar="DATA", help="As for `make tune`.")] = "synthetic",
    weights: Annotated[
        str, typer.Option(envvar="WEIGHTS", help="As for `make tune`.")
    ] = "imagenet",
    backbones: Annotated[str, typer.Option(envvar="BACKBONES")] = "resnet50,vgg16",
    samples: Annotated[int, typer.Option(envvar="SAMPLES", min=100)] = 720,
    size: Annotated[int, typer.Option(envvar="SIZE")] = 96,
    epochs: Annotated[int, typer.Option(min=1)] = 5,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("artifacts/bench/search.json"),
) -> None:
    """Time trials at depths 0, 1 and 2, ours beside plain Keras Tuner's."""
    quiet.import_tensorflow()
    from rich.console import Console
    from rich.table import Table

    from inference.bench import processor
    from tuning.files import write_json
    from tuning.precision import resolve
    from tuning.run_folder import Settings

    settings = Settings(
        data=data, samples=samples, balance="natural", drop_conflicts=False,
        backbones=tuple(backbones.split(",")), preset="quick", size=size, budget=None,
        weights=weights, algorithm="random", seed=0, precision=resolve("auto"),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        measured = [_measure(name, settings, epochs, Path(scratch)) for name in settings.backbones]
    table = Table("backbone", "depth", "plain s", "ours s", "ratio", "plain accuracy", "ours")
    for item in measured:
        for depth in DEPTHS:
            table.add_row(
                item.backbone, str(depth), f"{item.plain_seconds[depth]:.1f}",
                f"{item.our_seconds[depth]:.2f}", f"{item.ratio[depth]:.1f}",
                f"{item.plain_accuracy[depth]:.3f}", f"{item.our_accuracy[depth]:.3f}",
            )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    for item in measured:
        best = "not reached" if item.our_time_to_best is None else f"{item.our_time_to_best:.0f} s"
        console.print(
            f"{item.backbone}: trunk pass {item.trunk_seconds:.1f} s; ten trials at depth 0 with "
            f"it {item.ratio_ten:.1f} times as fast; plain search {item.plain_total:.0f} s, its "
            f"best accuracy after {best}"
        )
    write_json(
        out,
        {
            "processor": processor(), "settings": asdict(settings), "epochs": epochs,
            "backbones": [asdict(item) for item in measured],
        },
    )  # fmt: skip
    console.print(f"written to {out}")


def _measure(name: str, settings: Any, epochs: int, scratch: Path) -> Measured:
    from tuning import weights as weight_sources
    from tuning.backbones import BACKBONES
    from tuning.progress import Progress
    from tuning.run import image_store, open_dataset

    progress = Progress()
    store = image_store(settings, open_dataset(settings, scratch, progress), scratch, progress)
    weights = weight_sources.load(BACKBONES[name], settings.weights)
    plain = _plain_search(name, settings, store, weights, epochs, scratch)
    trunk, ours = _our_search(name, settings, store, weights, epochs, scratch)
    plain_seconds = {depth: seconds for depth, seconds, _ in plain}
    plain_accuracy = {depth: accuracy for depth, _, accuracy in plain}
    # The first trial of a process makes graphs that the further ones reuse.
    our_seconds = {
        d: float(np.median([s for depth, s, _ in ours if depth == d][1:])) for d in DEPTHS
    }
    zeros = [seconds for depth, seconds, _ in ours if depth == 0][:FURTHER]
    return Measured(
        backbone=name,
        plain_seconds=plain_seconds,
        our_seconds=our_seconds,
        trunk_seconds=trunk,
        plain_accuracy=plain_accuracy,
        our_accuracy={d: max(a for depth, _, a in ours if depth == d) for d in DEPTHS},
        ratio={d: plain_seconds[d] / our_seconds[d] for d in DEPTHS},
        ratio_ten=FURTHER * plain_seconds[0] / (trunk + sum(zeros)),
        plain_total=sum(plain_seconds.values()),
        our_time_to_best=_time_to(max(plain_accuracy.values()), trunk, ours),
    )


Timed = tuple[int, float, float]
"""Depth, seconds and validation accuracy of a trial."""


def _time_to(accuracy: float, trunk: float, ours: list[Timed]) -> float | None:
    spent = trunk
    for _, seconds, reached in ours:
        spent += seconds
        if reached >= accuracy:
            return spent
    return None


def _plain_search(
    name: str, settings: Any, store: Any, weights: Any, epochs: int, scratch: Path
) -> list[Timed]:
    import keras
    import keras_tuner

    from tuning.backbones import BACKBONES
    from tuning.model import HeadConfig, TransferModel

    class PlainModel(keras_tuner.HyperModel):
        def build(self, hp: Any) -> keras.Model:
            backbone = BACKBONES[name]
            model = TransferModel(backbone, settings.size, weights)
            ones = np.ones(model.features)
            whole = model.classifier(model.head(HeadConfig(256, 0.3, 0 * ones, ones)))
            cut = backbone.cut(hp.Choice("depth", list(DEPTHS)))
            frozen = [layer.name for layer in whole.layers].index(cut) + 1
            for layer in whole.layers[:frozen]:
                layer.trainable = False
            whole.compile(keras.optimizers.Adam(3e-4), "binary_crossentropy", metrics=["accuracy"])
            return whole

    timed: list[Timed] = []

    class TimedTuner(keras_tuner.GridSearch):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            histories = super().run_trial(trial, *args, **kwargs)
            seconds = time.perf_counter() - started
            accuracy = max(histories[0].history["val_accuracy"])
            timed.append((trial.hyperparameters.get("depth"), seconds, accuracy))
            return histories

    tuner = TimedTuner(
        PlainModel(), objective="val_accuracy", directory=str(scratch), project_name=f"plain-{name}"
    )
    (train, train_labels), (val, val_labels) = (_split(store, part) for part in ("train", "val"))
    tuner.search(
        train, train_labels, validation_data=(val, val_labels), epochs=epochs, batch_size=32,
        verbose=0,
    )  # fmt: skip
    return timed


def _split(store: Any, part: str) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(store.manifest["split"] == part)
    return np.array(store.images[rows]), store.manifest["label"].to_numpy(np.float32)[rows]


def _our_search(
    name: str, settings: Any, store: Any, weights: Any, epochs: int, scratch: Path
) -> tuple[float, list[Timed]]:
    from tuning.backbones import BACKBONES
    from tuning.cache import TrunkCache
    from tuning.presets import PRESETS
    from tuning.progress import Progress
    from tuning.run_folder import RunFolder
    from tuning.study import search
    from tuning.trial_runner import Task, TrialRunner

    run = RunFolder(scratch / "runs" / name)
    run.study(name).mkdir(parents=True)
    cache = TrunkCache(scratch / "trunk", 40 * 10**9)
    task = Task(run, settings, PRESETS["quick"], store, cache, Progress())
    started = time.perf_counter()
    runner = TrialRunner(task, BACKBONES[name], weights, DEPTHS)
    trunk = time.perf_counter() - started
    timed: list[Timed] = []
    last = time.perf_counter()

    def on_trial(record: Any) -> None:
        nonlocal last
        now = time.perf_counter()
        accuracy = record.result.val_accuracy if record.result else 0.0
        timed.append((record.hyperparameters.depth, now - last, accuracy))
        last = now

    depths = (0,) * (FURTHER + 1) + (1,) * 3 + (2,) * 3
    search(
        runner.run, folder=run.study(name), algorithm="random", depths=depths, epochs=epochs,
        seed=0, out_of_time=lambda: False, on_trial=on_trial,
    )  # fmt: skip
    return trunk, timed


def main(call: Callable[[], None] = app) -> None:
    """Run the command; errors of use in one line."""
    try:
        call()
    except (ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
