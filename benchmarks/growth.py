"""How time, disk and memory of a search's steps grow with the images."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from rich.table import Table

from benchmarks.workload import Workload, machine
from data.memory import peak_memory
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import Hyperparameters, SearchImages
from tuning.search.context import StepContext
from tuning.search.known_ground import heads
from tuning.search.presets import PRESETS
from tuning.search.steps import Head, Pass, Steps, Tail, Training
from tuning.trunk.cache import TrunkCache

SHARES = (4, 2, 1)
"""Parts of the training images that are measured, one over."""

_CACHE_BYTES = 100 * 10**9
_NO_LIMIT = 1e9  # seconds of a leg
_FIRST_IMAGES = 64  # of a leg that makes the graph

Result = TypeVar("Result")


@dataclass(frozen=True)
class Grown:
    """The steps of one backbone's search on some number of images.

    Attributes:
        backbone: Name of the backbone.
        images: Number of training images.
        pass_seconds: Seconds of their pass, at the cuts that a search fills at once.
        head_seconds: Seconds of the closed-form head behind the most promising stage.
        leg_seconds: Seconds of a leg of the first fine-tuned trial over each image once.
        bytes: Size of their activations on disk.
        memory: Most bytes that the process had resident until then.
    """

    backbone: str
    images: int
    pass_seconds: float
    head_seconds: float
    leg_seconds: float
    bytes: int
    memory: int


def run(workload: Workload) -> list[Grown]:
    """Measure the product's own steps on a quarter, half and all of the training images.

    Args:
        workload: Images and weights.
    """
    grown = []
    for name in workload.settings.backbones:
        for share in SHARES:
            images = workload.images("train") // share
            workload.progress.say(f"{BACKBONES[name].title}: {images:,} training images")
            grown.append(_measure(workload, name, images))
    return grown


def _measure(workload: Workload, name: str, images: int) -> Grown:
    val = workload.images("val")
    folder = workload.folder / "growth" / f"{name}-{images}"
    steps = _steps(workload, name, TrunkCache(folder, _CACHE_BYTES))
    cuts = steps.layout().first_cuts(BACKBONES[name])
    steps.make_pass(Pass("val", val, cuts, "plain"))  # makes the graph, once for all images
    before = _size(folder)
    passing, _ = _timed(lambda: steps.make_pass(Pass("train", images, cuts, "plain")))
    size = _size(folder) - before
    of = SearchImages(train=images, val=val, views=1)
    solving, _ = _timed(lambda: steps.fit_head(_head(steps, BACKBONES[name].attach[0], of)))
    leg = _leg(steps, name, of)
    graph = steps.train(leg)
    whole = replace(leg, leg=images, checkpoint=graph.checkpoint)
    training, _ = _timed(lambda: steps.train(whole))
    return Grown(name, images, passing, solving, training, size, peak_memory())


def _head(steps: Steps, stages: int, of: SearchImages) -> Head:
    [values, *_] = heads([stages], steps.layout().grids)
    return Head("head", Hyperparameters.of(values), of)


def _leg(steps: Steps, name: str, of: SearchImages) -> Training:
    """The first batches of the first fine-tuned training, from its head on."""
    stages, depth, _ = BACKBONES[name].tunings[0]
    head = _head(steps, stages, of)
    solved = steps.fit_head(head)
    if steps.layout().is_cheap_from_pixels(stages, depth):
        of = of.model_copy(update={"views": 0})
    assert solved.tail is not None, "a head that is solved has weights"
    start = Tail(head.hyperparameters, solved.tail)
    chosen = head.hyperparameters.model_copy(update={"depth": depth})
    return Training(
        "leg", chosen, of, start=start, checkpoint=None, leg=_FIRST_IMAGES, seconds=_NO_LIMIT
    )


def _steps(workload: Workload, name: str, cache: TrunkCache) -> Steps:
    settings = workload.settings
    context = StepContext(
        settings=settings,
        preset=PRESETS[settings.preset],
        labels=(workload.label,),
        store=workload.store,
        cache=cache,
    )
    return Steps(context, BACKBONES[name], workload.weights[name], workload.progress)


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.npy"))


def content(workload: Workload, grown: Sequence[Grown]) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        workload: Images and weights.
        grown: What `run` returned.
    """
    return {**workload.facts(), "grown": [asdict(each) for each in grown]}


def table(workload: Workload, grown: Sequence[Grown]) -> Table:
    """Make a table with a row for each backbone and number of images.

    Args:
        workload: Images and weights.
        grown: What `run` returned.
    """
    settings, facts = workload.settings, machine()
    shown = Table(
        title=f"A search's steps by the number of training images, {settings.size} px, "
        f"{settings.policy}",
        caption=f"{facts['processor']}, {facts['cores']} cores; graphs are made before the clock "
        "starts; a leg sees each image once and scores the validation images",
    )
    shown.add_column("backbone", no_wrap=True)
    for head in ("images", "pass s", "ms an image", "head s", "leg s", "ms an image", "disk MB"):
        shown.add_column(head, justify="right")
    shown.add_column("memory GB", justify="right")
    for each in grown:
        shown.add_row(
            BACKBONES[each.backbone].title, f"{each.images:,}",
            f"{each.pass_seconds:.1f}", f"{1e3 * each.pass_seconds / each.images:.1f}",
            f"{each.head_seconds:.1f}",
            f"{each.leg_seconds:.1f}", f"{1e3 * each.leg_seconds / each.images:.1f}",
            f"{each.bytes / 1e6:.0f}", f"{each.memory / 1e9:.1f}",
        )  # fmt: skip
    return shown
