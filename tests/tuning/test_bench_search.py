import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import compare, parts, plain, workers
from benchmarks.__main__ import main
from benchmarks.compare import AtDepth, Compared
from benchmarks.subject import Subject, prepared
from benchmarks.timing import Stopwatch, TimedTrial
from data.synthetic.writing import generate
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.runs.schema import Hyperparameters
from tuning.runs.settings import Settings
from tuning.search.oracles import search_space

ROOT = Path(__file__).parents[2]
CHOICES = ("DATA", "WEIGHTS", "SAMPLES", "BACKBONES", "SIZE", "PRECISION", "SEED", "RUN")


def trial(
    depth: int, seconds: float, accuracy: float, epochs: tuple[float, ...] = (1.0,)
) -> TimedTrial:
    return TimedTrial({"depth": depth}, accuracy, len(epochs), seconds, 0.9 * seconds, epochs)


def at(depth: int, theirs: list[tuple[float, float]], ours: list[tuple[float, float]]) -> AtDepth:
    sides = [[trial(depth, *item) for item in side] for side in (theirs, ours)]
    return AtDepth.of(depth, *sides)


def test_figures_follow_from_the_trials() -> None:
    depths = [
        at(0, [(50, 0.8)], [(3, 0.8), (1, 0.7), (1, 0.85), (2, 0.6)]),
        at(1, [(60, 0.9)], [(9, 0.8), (6, 0.95)]),
    ]
    item = Compared.of("vgg16", 1, 9, depths)
    assert [at.ratio for at in item.depths] == [50, 10]  # our first trial makes the graphs
    assert item.list_ratio == pytest.approx(110 / (10 + 3 + 9))
    assert item.trunk_seconds_a_trial == pytest.approx(9 / 6)
    assert item.best.accuracy == 0.9
    assert item.best.plain_seconds == item.best.plain_search_seconds == 110
    assert item.best.our_seconds == pytest.approx(10 + 7 + 15)
    assert item.best.our_trials == 6
    assert sum(item.best.spent.values()) == pytest.approx(item.best.our_seconds)
    met = {target.what: target.met for target in item.targets()}
    assert met["a further trial at depth 0"] is False
    assert met["a further trial at depth 1"] is True


def test_a_best_accuracy_found_early_ends_the_clock_of_either_side() -> None:
    best = compare.time_to_best(
        1, 9, [at(0, [(50, 0.9)], [(3, 0.9)]), at(1, [(60, 0.8)], [(9, 1)])]
    )
    assert (best.plain_seconds, best.plain_search_seconds) == (50, 110)
    assert best.our_seconds == 13
    assert best.spent["trials at depth 1"] == 0


def test_an_accuracy_that_is_not_reached_is_told() -> None:
    best = compare.time_to_best(1, 9, [at(0, [(50, 0.9)], [(3, 0.8), (1, 0.7)])])
    assert (best.our_seconds, best.ratio, best.search_ratio) == (None, None, None)
    assert best.our_trials == 2


def test_parts_add_up_to_the_trial() -> None:
    timed = trial(1, 10.0, 0.9, epochs=(3.0, 1.0, 1.0))
    parted = parts.TrialParts.of(timed, {"head": 1.0, "tail": 5.5, "checkpoint": 0.25})
    assert (parted.tail_graph, parted.tail, parted.tail_epoch) == (2.0, 3.5, 1.0)
    assert parted.whole == pytest.approx(
        parted.prepare + parted.head + parted.tail_graph + parted.tail + parted.checkpoint
        + parted.keras_tuner
    )  # fmt: skip


def test_a_stopwatch_counts_and_then_leaves_things_as_they_were() -> None:
    class Owner:
        def work(self) -> str:
            return "done"

    before = Owner.work
    stopwatch = Stopwatch()
    with stopwatch.watch(Owner, "work", "part"):
        assert Owner().work() == "done"
    assert Owner.work is before
    assert stopwatch.take()["part"] > 0
    assert stopwatch.take() == {}


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("data") / "portraits", count=150)


@pytest.fixture(scope="module")
def subject(portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    chosen = Settings(
        data=str(portraits), samples=100, backbones=("googlenet",), preset="quick", size=64,
        weights="none", algorithm="random",
    )  # fmt: skip
    with prepared(chosen, tmp_path_factory.mktemp("artifacts")) as ready:
        yield ready


def test_plain_keras_tuner_freezes_what_we_freeze(subject: Subject) -> None:
    backbone = BACKBONES["googlenet"]
    ours = TransferModel(backbone, 64, subject.weights["googlenet"])
    statistics = FeatureStatistics(np.zeros(ours.features), np.ones(ours.features))
    side = plain._Model(subject, "googlenet", statistics, 1)
    for depth in compare.DEPTHS:
        space = search_space(2)
        space.values |= {"depth": depth}
        theirs = side.build(space)
        hp = Hyperparameters.of(space.values)
        tail = ours.tail(depth, ours.head(HeadConfig(hp.head_units, hp.dropout, statistics)))
        count = sum(weight.shape.num_elements() for weight in theirs.trainable_weights)
        assert count == sum(weight.shape.num_elements() for weight in tail.trainable_weights)


def test_plain_keras_tuner_runs_the_list(subject: Subject, model_of: Callable[..., Any]) -> None:
    features = model_of("googlenet").features
    statistics = FeatureStatistics(np.zeros(features), np.ones(features))
    base = {"depth": 0, "learning_rate": 3e-4, "head_units": 64, "dropout": 0.3}
    configurations = [base, {**base, "head_units": 0}]
    timed = plain.search(subject, "googlenet", statistics, configurations, 1)
    assert [trial.values for trial in timed] == configurations
    assert all(0 <= trial.accuracy <= 1 and 0 < trial.training < trial.seconds for trial in timed)
    checkpoints = subject.folder.glob("plain/googlenet-depth-0/trial_*/*.weights.h5")
    assert len(list(checkpoints)) == 2


def bench(artifacts: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in CHOICES}
    shared = (
        "--artifacts", str(artifacts), "--weights", "none", "--samples", "100",
        "--backbones", "googlenet", "--size", "64", "--precision", "float32",
    )  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *shared, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def result(portraits: Path, artifacts: Path, name: str, *arguments: str) -> dict[str, Any]:
    ended = bench(artifacts, "--data", str(portraits), name, *arguments)
    assert ended.returncode == 0, ended.stderr
    path = artifacts / "bench" / f"{name}.json"
    assert f"written to {path}" in ended.stdout
    assert [entry.name for entry in artifacts.glob("bench*")] == ["bench"]
    return json.loads(path.read_text())


@pytest.mark.slow
def test_compare(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "compare", "--epochs", "1")
    (measured,) = content["backbones"]
    assert [at["depth"] for at in measured["depths"]] == [0, 1, 2]
    for at in measured["depths"]:
        assert len(at["ours"]) == compare.OUR_TRIALS[at["depth"]]
        assert at["plain"][0]["values"] == at["ours"][0]["values"]
        assert at["plain"][0]["epochs"] == 1
        assert at["ratio"] == pytest.approx(at["plain_seconds"] / at["our_seconds"])
    assert content["settings"]["precision"] == "float32"
    assert [target["wanted"] for target in content["targets"]["googlenet"]] == [100, 15, 10]


@pytest.mark.slow
def test_parts(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "parts", "--epochs", "1")
    (measured,) = content["backbones"]
    assert [cost["depth"] for cost in measured["costs"]] == [0, 1, 2]
    for cost in measured["costs"]:
        of = cost["parts"]
        assert (of["tail"] > 0) is (cost["depth"] > 0)
        assert of["head"] > 0
        assert of["checkpoint"] > 0
    assert {row["by"] for row in measured["growth"]} == {"images", "epochs", "trials"}
    for row in measured["growth"]:
        assert len(row["at"]) == len(row["seconds"]) == len(row["ratio"]) == 3
        assert row["at"] == sorted(row["at"])


@pytest.mark.slow
def test_workers(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "workers", "--preset", "quick")
    assert [run["workers"] for run in content["runs"]] == [1, 2]
    assert all(run["trials"] == {"0": 3, "1": 1} for run in content["runs"])
    assert all(run["completed"] == 4 for run in content["runs"])
    assert content["ratio"] == pytest.approx(content["seconds"]["1"] / content["seconds"]["2"])


def test_a_leaderboard_that_lacks_trials_is_an_error() -> None:
    full, short = workers.Run(1, 9, 5, {0: 3}, 3), workers.Run(2, 9, 5, {0: 2}, 2)
    with pytest.raises(RuntimeError, match="with 2 workers"):
        workers._check([full, short])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--backbones", "alexnet", "compare"), "BACKBONES=alexnet: must be one of"),
        (("--size", "32", "parts"), "SIZE=32: must be 64 to 224"),
        (("--data", "nowhere", "workers"), "DATA=nowhere: no such file or folder"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable in CHOICES:
        monkeypatch.delenv(variable, raising=False)
    artifacts = ("--artifacts", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["benchmarks", *artifacts, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: {told}")
    assert errors.count("\n") == 1
