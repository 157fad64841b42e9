import math
import traceback
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras_tuner.errors import FatalError

from tuning.runs.schema import Hyperparameters, TrainingTime, TrialRecord, TrialResult
from tuning.runs.study_folder import StudyFolder
from tuning.search import oracles, planning, study
from tuning.search.presets import PRESETS
from tuning.training.early_stopping import OBJECTIVE, hopeless

COSTS = st.builds(TrainingTime, st.floats(0, 30), st.floats(0.01, 500))


@given(
    st.lists(COSTS, min_size=2, max_size=6).map(sorted),
    st.floats(0, 20_000),
    st.sampled_from(sorted(PRESETS)),
)
def test_the_plan_fits_its_time_cheap_depths_first(
    costs: list[TrainingTime], limit: float, name: str
) -> None:
    preset = PRESETS[name]
    depths = planning.plan_depths(preset, costs, limit)
    full = planning.plan_depths(preset, costs, math.inf)
    heads, deepest = depths.count(0), max(depths)
    assert depths[: heads + deepest] == (*[0] * heads, *range(1, deepest + 1))
    assert list(depths[heads + deepest :]) == sorted(depths[heads + deepest :])
    assert not Counter(depths) - Counter(full)
    assert set(depths) == set(range(max(depths) + 1))
    planned = sum(planning.trial_seconds(preset, costs, depth) for depth in depths)
    planned += planning.least_refit_seconds(costs[deepest])
    assert planned <= limit or len(depths) == 1


@given(COSTS, st.floats(-10, 20_000) | st.just(math.inf))
def test_a_refit_stays_in_its_time(cost: TrainingTime, seconds: float) -> None:
    preset = PRESETS["standard"]
    epochs = planning.refit_epochs(preset, cost, seconds)
    assert 0 <= epochs <= preset.refit_epochs
    assert not epochs or cost.start + epochs * cost.epoch <= seconds + 1e-6


def test_the_pace_is_what_fine_tuned_trials_took_over_their_plan() -> None:
    preset = PRESETS["standard"]
    head = planning.trial_seconds(preset, [TrainingTime(1, 1)], 0)
    costs = [TrainingTime(1, 1), TrainingTime(5, 10)]

    def result(depth: int, epochs: int, seconds: float) -> TrialResult:
        hp = Hyperparameters(depth=depth, learning_rate=5e-4, head_units=0, dropout=0.1)
        return result_of(hp, 0.1, epochs, seconds)

    slow = [result(0, 6, 1), result(1, 2, 2 * (head + 25)), result(1, 1, 2 * (head + 15))]
    assert planning.slowdown(preset, costs, [result(0, 6, 900)]) == 1
    assert planning.slowdown(preset, costs, [result(1, 2, 20)]) == 1
    assert planning.slowdown(preset, costs, slow) == 2


def result_of(hp: Hyperparameters, brier: float, epochs: int, seconds: float) -> TrialResult:
    return TrialResult(
        hyperparameters=hp, val_accuracy=0.8, val_auc=0.9, val_brier=brier, val_loss=0.3,
        epochs=epochs, seconds=seconds,
    )  # fmt: skip


class Landscape:
    """Stands for training: the score is a known function of the hyperparameters."""

    def __init__(self) -> None:
        self.seen: list[Hyperparameters] = []

    def __call__(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, object]:
        self.seen.append(hyperparameters)
        brier = self.brier(hyperparameters)
        return result_of(hyperparameters, brier, epochs, 0.1), _Tail()

    def brier(self, hp: Hyperparameters) -> float:
        if hp.depth == 2:
            raise RuntimeError("out of memory")
        return 0.2 - 0.05 * hp.depth


class _Tail:
    def __init__(self, content: bytes = b"weights") -> None:
        self.content = content

    def save_weights(self, path: Path) -> None:
        path.write_bytes(self.content)


def _fails_in_turn() -> None:
    try:
        raise ValueError("a shape")
    except ValueError as error:
        raise RuntimeError("Graph execution error:\n\nDetected at node\n  in a layer") from error


def test_a_failure_is_told_by_the_last_exceptions_own_line() -> None:
    with pytest.raises(RuntimeError) as caught:
        _fails_in_turn()
    trace = "".join(traceback.format_exception(caught.value))
    assert study.reason_of(trace) == "RuntimeError: Graph execution error:"
    assert study.reason_of("") == "failed"


@pytest.mark.parametrize("algorithm", ["bayesian", "random"])
def test_trials_follow_the_plan_and_failures_are_recorded(algorithm: str, tmp_path: Path) -> None:
    landscape = Landscape()
    depths = (0, 0, 0, 0, 0, 1, 1, 2)
    records = run(landscape, tmp_path / "s", algorithm, depths)
    assert tuple(hp.depth for hp in landscape.seen) == depths
    assert [record.status for record in records] == ["completed"] * 7 + ["failed"]
    assert records[-1].note == "RuntimeError: out of memory"
    best = StudyFolder(tmp_path / "s").best()
    assert best is not None
    assert best.hyperparameters.depth == 1
    assert len({record.hyperparameters for record in records}) == len(records)


def test_the_first_trial_at_a_depth_takes_over_what_was_found_so_far(tmp_path: Path) -> None:
    class Valley(Landscape):
        def brier(self, hp: Hyperparameters) -> float:
            return 0.2 - 0.05 * hp.depth + abs(hp.head_units - 64) / 1e4 - hp.learning_rate

    valley = Valley()
    run(valley, tmp_path / "s", "random", (0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2))
    heads, stages, deeper = valley.seen[:6], valley.seen[6:10], valley.seen[10]
    default = heads[0].learning_rate
    assert stages[0] == min(heads, key=valley.brier).model_copy(
        update={"depth": 1, "learning_rate": default}
    )
    assert stages[0].head_units != heads[0].head_units
    assert deeper == min(stages, key=valley.brier).model_copy(update={"depth": 2})
    assert deeper != stages[0].model_copy(update={"depth": 2})


def test_hyperband_picks_among_the_planned_depths(tmp_path: Path) -> None:
    landscape = Landscape()
    records = run(landscape, tmp_path / "s", "hyperband", (0, 1))
    assert {hp.depth for hp in landscape.seen} == {0, 1}
    assert len({record.result.epochs for record in records if record.result}) > 1


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    depths = (0, 0, 1, 1)
    first = Landscape()
    run(first, tmp_path / "s", "bayesian", depths, stop_after=2)
    second = Landscape()
    records = run(second, tmp_path / "s", "bayesian", depths)
    assert (len(first.seen), len(second.seen)) == (2, 2)
    assert [record.hyperparameters for record in records] == first.seen + second.seen


def run(
    landscape: Landscape,
    folder: Path,
    algorithm: str,
    depths: tuple[int, ...],
    stop_after: int = 99,
) -> list[TrialRecord]:
    folder.mkdir(exist_ok=True)
    epochs, seed = 9, 3
    oracle = oracles.create(
        algorithm, depths, epochs, seed, lambda: len(landscape.seen) >= stop_after
    )
    return study.search(landscape, StudyFolder(folder), oracle, epochs, lambda record: None)


def test_the_objective_is_minimised() -> None:
    oracle = oracles.create("random", (0,), 3, 0, lambda: False)
    assert (oracle.objective.name, oracle.objective.direction) == (OBJECTIVE, "min")


@pytest.mark.parametrize(
    "damage", ["oracle.json", "tuner0.json", "trial_1/trial.json", "trial_1/record.json"]
)
@pytest.mark.parametrize("content", ["", '{"half": '])
def test_damaged_state_is_made_again_from_the_records(
    damage: str, content: str, tmp_path: Path
) -> None:
    depths = (0, 0, 1, 1)
    folder = tmp_path / "s"
    before = run(Landscape(), folder, "bayesian", depths, stop_after=3)
    (folder / damage).write_text(content)
    second = Landscape()
    after = run(second, folder, "bayesian", depths)
    lost = damage == "trial_1/record.json"
    assert len(second.seen) == 1
    assert [record for record in before if not (lost and record.trial == "1")] == after[:-1]
    assert len({record.trial for record in after}) == len(after) == (3 if lost else 4)


def test_a_full_disk_stops_the_study_and_nothing_is_lost(tmp_path: Path) -> None:
    class Full(Landscape):
        def __call__(self, *args: object) -> tuple[TrialResult, object]:
            if len(self.seen) == 2:
                raise OSError(28, "No space left on device")
            return super().__call__(*args)  # type: ignore[arg-type]

    with pytest.raises(FatalError, match="No space left on device"):
        run(Full(), tmp_path / "s", "bayesian", (0, 0, 1, 1))
    again = Landscape()
    records = run(again, tmp_path / "s", "bayesian", (0, 0, 1, 1))
    assert [record.status for record in records] == ["completed"] * 4
    assert len(again.seen) == 2


def test_the_best_weights_are_those_of_the_best_result(tmp_path: Path) -> None:
    records = StudyFolder(tmp_path)
    tails = {brier: _Tail(f"{brier}".encode()) for brier in (0.3, 0.1, 0.2)}
    hp = Hyperparameters(depth=0, learning_rate=1e-3, head_units=64, dropout=0.1)
    kept = [
        records.keep_if_best(result_of(hp, brier, 1, 1.0), tail)  # type: ignore[arg-type]
        for brier, tail in tails.items()
    ]
    assert kept == [True, True, False]
    assert records.best_weights.read_bytes() == b"0.1"


@pytest.mark.parametrize(
    ("scores", "stops"),
    [
        ([0.5], False),
        ([0.5, 0.4], False),  # 0.4 - 2 * 0.1 * 2 is below 0.05
        ([0.5, 0.49], True),
        ([0.5, 0.6], True),
        ([0.04, 0.6], False),
        ([0.2, 0.1, 0.09, 0.08], True),
    ],
)
def test_a_training_stops_when_it_can_no_longer_win(scores: list[float], stops: bool) -> None:
    assert hopeless(scores, epochs=4, score_to_beat=0.05) is stops
