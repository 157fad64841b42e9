import json
import shutil
import traceback
from pathlib import Path
from typing import Any

import pytest
from keras_tuner.errors import FatalError
from small_search import Landscape, run_study

from tuning.runs.schema import TrialResult
from tuning.runs.study_folder import StudyFolder
from tuning.search.oracles import TimedOracle
from tuning.search.study import reason_of


def _fails_in_turn() -> None:
    try:
        raise ValueError("a shape")
    except ValueError as error:
        raise RuntimeError("Graph execution error:\n\nDetected at node\n  in a layer") from error


def test_a_failure_is_reported_by_the_last_exceptions_own_line() -> None:
    with pytest.raises(RuntimeError) as caught:
        _fails_in_turn()
    trace = "".join(traceback.format_exception(caught.value))
    assert reason_of(trace) == "RuntimeError: Graph execution error:"
    assert reason_of("") == "failed"


@pytest.mark.parametrize("algorithm", ["bayesian", "random"])
def test_trials_follow_the_plan_and_failures_are_recorded(algorithm: str, tmp_path: Path) -> None:
    landscape = Landscape()
    depths = (0, 0, 0, 0, 0, 1, 1, 2)
    records = run_study(landscape, tmp_path / "s", algorithm, depths)
    assert tuple(hp.depth for hp in landscape.seen) == depths
    assert [record.status for record in records] == ["completed"] * 7 + ["failed"]
    assert records[-1].note == "RuntimeError: out of memory"
    best = StudyFolder(tmp_path / "s").best()
    assert best is not None
    assert best.hyperparameters.depth == 1
    assert len({record.hyperparameters for record in records}) == len(records)


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    depths = (0, 0, 1, 1)
    first = Landscape()
    run_study(first, tmp_path / "s", "bayesian", depths, stop_after=2)
    second = Landscape()
    records = run_study(second, tmp_path / "s", "bayesian", depths)
    assert (len(first.seen), len(second.seen)) == (2, 2)
    assert [record.hyperparameters for record in records] == first.seen + second.seen


@pytest.mark.parametrize(
    "damage", ["oracle.json", "tuner0.json", "trial_1/trial.json", "trial_1/record.json"]
)
@pytest.mark.parametrize("content", ["", '{"half": '])
def test_damaged_state_is_made_again_from_the_records(
    damage: str, content: str, tmp_path: Path
) -> None:
    depths = (0, 0, 1, 1)
    folder = tmp_path / "s"
    before = run_study(Landscape(), folder, "bayesian", depths, stop_after=3)
    (folder / damage).write_text(content)
    second = Landscape()
    after = run_study(second, folder, "bayesian", depths)
    lost = damage == "trial_1/record.json"
    assert len(second.seen) == 1
    assert [record for record in before if not (lost and record.trial == "1")] == after[:-1]
    assert len({record.trial for record in after}) == len(after) == (3 if lost else 4)


def test_a_full_disk_stops_the_study_and_nothing_is_lost(tmp_path: Path) -> None:
    class Full(Landscape):
        def __call__(self, *args: object) -> TrialResult:
            if len(self.seen) == 2:
                raise OSError(28, "No space left on device")
            return super().__call__(*args)  # type: ignore[arg-type]

    with pytest.raises(FatalError, match="No space left on device"):
        run_study(Full(), tmp_path / "s", "bayesian", (0, 0, 1, 1))
    again = Landscape()
    records = run_study(again, tmp_path / "s", "bayesian", (0, 0, 1, 1))
    assert [record.status for record in records] == ["completed"] * 4
    assert len(again.seen) == 2


def test_an_oracle_that_raises_ends_the_study_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras Tuner's lock stays closed then: whoever asked again would wait for good."""
    before = TimedOracle.end_trial

    def end_trial(oracle: TimedOracle, trial: Any) -> None:
        if trial.trial_id == "1":
            raise OSError(28, "No space left on device")
        before(oracle, trial)

    monkeypatch.setattr(TimedOracle, "end_trial", end_trial)
    with pytest.raises(OSError, match="No space left"):
        run_study(Landscape(), tmp_path / "s", "random", (0, 0, 1, 1))
    monkeypatch.undo()
    records = run_study(Landscape(), tmp_path / "s", "random", (0, 0, 1, 1))
    assert [record.status for record in records] == ["completed"] * 4


@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_seed_tries_the_same(seed: int, tmp_path: Path) -> None:
    seen = []
    for name in ("a", "b"):
        landscape = Landscape()
        run_study(landscape, tmp_path / name, "bayesian", (0, 0, 1, 1), seed=seed)
        seen.append(landscape.seen)
    assert seen[0] == seen[1]


def test_a_trial_that_was_begun_just_before_a_kill_is_run(tmp_path: Path) -> None:
    """Its own file was written, the oracle's was not."""
    depths, folder = (0, 0, 1, 1), tmp_path / "s"
    run_study(Landscape(), folder, "random", depths, stop_after=2)
    before = (folder / "oracle.json").read_text()
    run_study(Landscape(), folder, "random", depths, stop_after=1)
    shutil.rmtree(folder / "trial_3", ignore_errors=True)
    state = json.loads((folder / "trial_2" / "trial.json").read_text())
    (folder / "trial_2" / "trial.json").write_text(json.dumps({**state, "status": "RUNNING"}))
    (folder / "trial_2" / "record.json").unlink()
    (folder / "oracle.json").write_text(before)
    records = run_study(Landscape(), folder, "random", depths)
    assert [record.trial for record in records] == ["0", "1", "2", "3"]
