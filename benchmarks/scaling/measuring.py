"""Times each kind of work on this machine, by the product's own functions: the constants."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.scaling.constants import (
    BackboneConstants,
    Constants,
    Cost,
    DepthConstants,
    kept,
    serial_share,
)
from benchmarks.scaling.probing import BackboneTimes, DepthTimes, probe
from benchmarks.workload import Workload, prepared
from data import GENDER, build, hash_files
from data.processors import usable
from inference.runtime.machine import processor
from tuning.runs.settings import Settings
from tuning.suspects.cross_validation import out_of_fold

SIZES = (64, 96)
"""Sides of the images that are measured, pixels; a line through both gives other sizes."""

_DEPTHS = 3  # depths that are measured at the larger size and on all cores as well
_BLOCK = np.random.default_rng(0).bytes(1 << 24)
_BLOCKS = 16
_FOLD_IMAGES, _FOLD_FEATURES = 1500, 1024
_RAY_STEPS = 20
_NOTE = "export, GPU, and Ray where it is not installed, are the project's"


def measure(settings: Settings, artifacts: Path, say: Callable[[str], None]) -> Constants:
    """Measure the constants of this machine; what it lacks (Ray, a GPU) keeps the project's.

    Args:
        settings: Data, weights, backbones and precision to measure with.
        artifacts: Artifacts of real runs, where data sets are found or drawn.
        say: Called with what is being measured.

    Raises:
        DataError: The images cannot be read.
        WeightsError: The weights cannot be had.
    """
    load, cores = os.getloadavg()[0], usable()
    small, large = (settings.model_copy(update={"size": size}) for size in SIZES)
    say("files and disk")
    with prepared(large, artifacts) as workload:
        hashing, decoding = _reading(workload, cores)
        disk_write, disk_read = _disk(workload.folder)
    say(f"backbones at {SIZES[0]} px on one core")
    at_small = probe(small, artifacts, 1, None)
    say(f"backbones at {SIZES[1]} px on one core")
    at_large = probe(large, artifacts, 1, _DEPTHS)
    say(f"backbones at {SIZES[1]} px on {cores} cores")
    together = probe(large, artifacts, cores, _DEPTHS) if cores > 1 else at_large
    ray_starting, ray_step = _ray()
    return Constants(
        processor=processor(),
        cores=cores,
        precision=settings.policy,
        load=round(load, 2),
        sizes=SIZES,
        backbones=backbone_constants(
            at_small.backbones, at_large.backbones, together.backbones, cores
        ),
        hashing=hashing,
        decoding=decoding,
        disk_write=disk_write,
        disk_read=disk_read,
        starting=at_large.starting,
        trial=median(times.trial for times in at_large.backbones.values()),
        folds=_folds(),
        exporting=kept().exporting,
        ray_starting=ray_starting,
        ray_step=ray_step,
        gpu=kept().gpu,
        note=_NOTE,
    )


def backbone_constants(
    small: Mapping[str, BackboneTimes],
    large: Mapping[str, BackboneTimes],
    together: Mapping[str, BackboneTimes],
    cores: int,
) -> dict[str, BackboneConstants]:
    """Lay lines through both sizes; all backbones have the same serial shares, by kind of work.

    Args:
        small: Times at the smaller size on one core, by name of the backbone.
        large: Times at the larger size on one core, of the first depths.
        together: The same on several cores.
        cores: Number of these cores.
    """
    passing, training = _serial_shares(large, together, cores)

    def line(at_small: float, at_large: float, serial: float) -> Cost:
        return Cost.through(dict(zip(SIZES, (at_small, at_large), strict=True)), serial)

    def depths(name: str) -> tuple[DepthConstants, ...]:
        measured = tuple(
            line(one.step, other.step, training)
            for one, other in zip(small[name].depths, large[name].depths, strict=False)
        )
        return tuple(
            _depth(small[name].depths, number, measured)
            for number in range(len(small[name].depths))
        )

    return {
        name: BackboneConstants(
            forward=line(times.forward, large[name].forward, passing),
            forward_float32=line(times.forward_float32, large[name].forward_float32, passing),
            depths=depths(name),
            weights=times.weights,
            evaluation=large[name].evaluation,
        )
        for name, times in small.items()
    }


def _depth(times: Sequence[DepthTimes], number: int, measured: Sequence[Cost]) -> DepthConstants:
    """Constants of a depth; what was not measured at both sizes has its fixed part by its weights.

    That is the optimizer's share, which grows with the weights; the rest grows with the pixels.
    """
    at_small = times[number]
    *sides, channels = at_small.cut
    if number < len(measured):
        step = measured[number]
    else:
        known = len(measured) - 1
        fixed = measured[known].fixed * at_small.weights / times[known].weights
        slope = max(0.0, at_small.step - fixed) / SIZES[0] ** 2
        step = Cost(fixed=fixed, per_pixel=slope, serial=measured[known].serial)
    return DepthConstants(
        step=step,
        start=at_small.start,
        stride=round(SIZES[0] / sides[0]) if sides else 0,
        channels=channels,
        weights=at_small.weights,
    )


def _serial_shares(
    alone: Mapping[str, BackboneTimes], together: Mapping[str, BackboneTimes], cores: int
) -> tuple[float, float]:
    """Serial shares of passes and of training; of a single core the project's."""
    if cores == 1:
        backbone = next(iter(kept().backbones.values()))
        return backbone.forward.serial, backbone.depths[1].step.serial
    passing = [
        serial_share(alone[name].forward, times.forward, cores) for name, times in together.items()
    ]
    training = [
        serial_share(one.step, several.step, cores)
        for name, times in together.items()
        for one, several in zip(alone[name].depths[1:], times.depths[1:], strict=False)
    ]
    return median(passing), median(training)


def _reading(workload: Workload, cores: int) -> tuple[Cost, Cost]:
    """Time hashing and decoding of an image; both run in threads of one process."""
    manifest = workload.store.manifest
    paths, folder = manifest["path"].tolist(), workload.folder
    hashing = _seconds(lambda: hash_files(paths)) / len(paths)

    def decoding(workers: int) -> float:
        into = folder / f"decoded-{workers}"
        size, framing = workload.settings.size, workload.store.framing
        return _seconds(lambda: build(manifest, size, framing, into, workers=workers)) / len(paths)

    alone, several = decoding(1), decoding(cores)
    serial = serial_share(alone, several, cores) if cores > 1 else kept().decoding.serial
    of_one = hashing * alone / several  # its threads are as many
    return (
        Cost(fixed=of_one, per_pixel=0, serial=serial),
        Cost(fixed=alone, per_pixel=0, serial=serial),
    )


def _disk(folder: Path) -> tuple[float, float]:
    """Return the bytes a second that the disk takes for good, and that are read and checked."""
    path, size = folder / "blocks", _BLOCKS * len(_BLOCK)

    def write() -> None:
        with path.open("wb") as file:
            for _ in range(_BLOCKS):
                file.write(_BLOCK)
            os.fsync(file.fileno())

    def read() -> None:
        with path.open("rb") as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while block := file.read(len(_BLOCK)):
                zlib.crc32(block)

    return size / _seconds(write), size / _seconds(read)


def _folds() -> float:
    """Seconds an image of the predictions by which labels are doubted, of one label."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(_FOLD_IMAGES, _FOLD_FEATURES))
    codes = (features[:, :16].sum(axis=1) + rng.normal(size=_FOLD_IMAGES) > 0).astype(int)[:, None]
    people = np.arange(_FOLD_IMAGES)
    return _seconds(lambda: out_of_fold([GENDER], features, codes, people, seed=0)) / _FOLD_IMAGES


def _ray() -> tuple[float, float]:
    """Seconds until a local Ray takes work, and that it adds to a step; the project's without."""
    if find_spec("ray") is None:
        return kept().ray_starting, kept().ray_step
    import ray

    def start() -> None:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
        ray.get(nothing.remote())

    @ray.remote
    def nothing() -> None:
        return None

    try:
        starting = _seconds(start)
        steps = [_seconds(lambda: ray.get(nothing.remote())) for _ in range(_RAY_STEPS)]
        return starting, median(steps)
    finally:
        ray.shutdown()


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
