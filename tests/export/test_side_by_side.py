"""What workers send of a winner, and the export of two winners by a Ray whose worker is killed."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import psutil
import pytest
from rich.console import Console
from small_run import RUN

from export import bundle_info
from export.parity import ParityError
from export.preparation import Prepared
from export.progress import Steps
from export.side_by_side import Sent, _Arrived, prepare_all, prepare_there, store_files
from export.source import Source
from inference import bundle
from tuning.cluster.errors import ClusterError
from tuning.helpers import NOBODY, Helpers
from tuning.runs.run_folder import RunFolder

SECONDS_INTO_TASK = 3.0  # of a worker's processor time, which TensorFlow's import begins with


@pytest.fixture(scope="module")
def source(small_run: RunFolder, image_cache: Path) -> Source:
    return Source.open(small_run, image_cache, 0.9)  # as of `exported`


@pytest.fixture(scope="module")
def sent(source: Source) -> Sent:
    """What a worker makes of the winner."""
    recorded = source.recorded("vgg16")
    facts = source.run.read_metrics().winners["vgg16"]
    info = bundle_info.describe(source, facts, recorded["val"], recorded["test"])
    winner = source.winner("vgg16").read_bytes()
    return prepare_there(source.store, source.config, winner, recorded, info)


@pytest.fixture
def take(source: Source, tmp_path: Path, steps: Steps) -> Callable[[Sent], Prepared]:
    """A function that does with what was sent as the driver does."""

    def taken(sent: Sent) -> Prepared:
        store_files(sent, tmp_path / "arrived")
        recorded = source.recorded("vgg16")
        facts = source.run.read_metrics().winners["vgg16"]
        info = bundle_info.describe(source, facts, recorded["val"], recorded["test"])
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        arrived = _Arrived(tmp_path / "arrived", sent.p, sent.trials)
        return arrived(source, info, recorded, scratch, steps)

    return taken


def test_a_worker_makes_what_this_process_makes(
    sent: Sent, take: Callable[[Sent], Prepared], exported: Path
) -> None:
    prepared = take(sent)
    assert prepared.models.keys() == {"keras", "saved_model", "fp32", "int8"}
    assert "vgg16: converting" in sent.said
    written = bundle.find(exported).info
    assert prepared.trials == written.quantization
    for name in ("fp32", "int8"):
        content = prepared.models[name].form.path.read_bytes()
        assert sha256(content).hexdigest() == written.formats[name].sha256


@pytest.mark.parametrize(
    "name", ["../model.onnx", "/etc/passwd", "saved_model/../../x", "saved_model", "bundle.json",
             "saved_model\\..\\..\\x", "saved_model/..\\..\\x"]
)  # fmt: skip
def test_no_file_leaves_its_folder(name: str, sent: Sent, tmp_path: Path) -> None:
    evil = replace(sent, files={**sent.files, name: b"evil"})
    with pytest.raises(ClusterError, match="returned a file named"):
        store_files(evil, tmp_path / "arrived")
    assert not list(tmp_path.iterdir())


def test_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="returned a str"):
        store_files("all done", tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: {name: of_form for name, of_form in p.items() if name != "fp32"},
        lambda p: {**p, "fp32": (p["fp32"][0][:-1], p["fp32"][1])},
        lambda p: {**p, "fp32": (p["fp32"][0] * np.nan, p["fp32"][1])},
        lambda p: {**p, "int8": (p["int8"][0] + 1, p["int8"][1])},
        lambda p: {**p, "int8": (p["int8"][0], "none")},
    ],
)
def test_other_predictions_are_refused(
    change: Callable[..., dict[str, object]], sent: Sent, take: Callable[[Sent], Prepared]
) -> None:
    with pytest.raises(ClusterError, match="other predictions"):
        take(replace(sent, p=change(sent.p)))  # type: ignore[arg-type]


def test_a_file_that_predicts_otherwise_is_refused(
    sent: Sent, take: Callable[[Sent], Prepared]
) -> None:
    changed = {**sent.p, "keras": (1 - sent.p["keras"][0], sent.p["keras"][1])}
    changed |= {name: (1 - sent.p[name][0], sent.p[name][1]) for name in ("fp32", "saved_model")}
    with pytest.raises(ParityError, match="on this machine differs"):
        take(replace(sent, p=changed))


def test_without_workers_ray_is_not_asked_for(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # importing it is an error
    winners = list(source.run.read_metrics().winners.values())
    console = Console()
    assert prepare_all(NOBODY, source, winners, tmp_path, tmp_path, console) == {}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_worker_that_is_killed_loses_nothing(
    small_run: RunFolder, image_cache: Path, sent: Sent, tmp_path: Path
) -> None:
    copy = RunFolder(tmp_path / RUN)
    copy_with_two_winners(small_run, copy)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "images").symlink_to(image_cache)
    source, scratch = Source.open(copy, image_cache, 0.9), tmp_path / "scratch"
    winners = list(copy.read_metrics().winners.values())
    with ThreadPoolExecutor() as threads:
        driver = threads.submit(
            prepare_all, Helpers(workers=2), source, winners, tmp_path, scratch, Console()
        )
        killed = False
        while not driver.done():
            time.sleep(0.2)
            killed = killed or kill_a_worker_below(os.getpid())
        ready = driver.result()
    assert killed
    assert ready.keys() == {"vgg16", "googlenet"}
    for name in ("model.onnx", "model.int8.onnx"):
        assert (scratch / "vgg16" / name).read_bytes() == sent.files[name]
    assert (scratch / "googlenet" / "model.int8.onnx").is_file()


def copy_with_two_winners(run: RunFolder, copy: RunFolder) -> None:
    shutil.copytree(run.path, copy.path)
    metrics = run.read_metrics()
    first = metrics.winners["vgg16"]
    second = first.model_copy(update={"backbone": "googlenet"})
    shutil.copyfile(run.winner("vgg16"), copy.winner("googlenet"))
    shutil.copyfile(run.predictions("vgg16"), copy.predictions("googlenet"))
    winners = {"vgg16": first, "googlenet": second}
    copy.write_metrics(metrics.model_copy(update={"winners": winners}))


def kill_a_worker_below(pid: int) -> bool:
    """Kill a worker in the middle of its task; whether there was one."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            busy = process.cpu_times().user
            if process.cmdline()[:1] == ["ray::_do"] and busy > SECONDS_INTO_TASK:
                process.kill()
                return True
    return False
