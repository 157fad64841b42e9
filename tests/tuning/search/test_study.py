"""A study whose process is killed, whose disk is full or whose files are damaged goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_search import chosen, result_of

from tuning.runs.schema import TrialRecord, TunerValues
from tuning.runs.study_folder import StudyFolder
from tuning.search import oracles
from tuning.search.oracles import SearchOracle
from tuning.search.steps import Trained
from tuning.search.study import Study

GRIDS = {2: (1, 2, 4), 3: (1, 2)}


class KilledError(Exception):
    """Stands for SIGKILL: nothing catches it."""


class Session:
    """A process that works on the study of a folder."""

    def __init__(self, folder: Path) -> None:
        self.values: TunerValues | None = None
        oracle = oracles.create("bayesian", GRIDS, 0, 0, lambda: self.values)
        self.oracle: SearchOracle = oracle
        self.folder = StudyFolder(folder / "study")
        self.study = Study(self.folder, oracle)

    def head(self, stages: int = 2) -> str:
        self.values = chosen(0, stages=stages).model_dump()
        return self.asked()

    def tuned(self, depth: int = 1, **asked: Any) -> str:
        self.values = chosen(depth).model_dump()
        return self.asked(**asked)

    def asked(self, **how: Any) -> str:
        record = self.study.ask(**how)
        assert record is not None
        return record.trial

    def tell(self, trial: str, *accuracies: float, ended: str = "") -> TrialRecord:
        """Keep legs of which the last is the best."""
        result = result_of(self.study.trials[trial].hyperparameters, *accuracies)
        word = f"{trial} {len(accuracies)}".encode()
        return self.study.tell(trial, Trained(result, b"tail " + word, b"all " + word), ended)

    def scores(self) -> dict[str, tuple[str, float | None]]:
        """Keras Tuner's status and score of each trial."""
        return {name: (t.status, t.score) for name, t in sorted(self.oracle.trials.items())}


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], Session]:
    return lambda: Session(tmp_path)


Start = Callable[[], Session]


def test_legs_are_kept_and_the_best_trial_is_known(start: Start) -> None:
    first = start()
    head, tuned = first.head(), first.tuned(start="0000", from_pixels=True)
    first.tell(head, 0.8, ended="solved")
    first.tell(tuned, 0.7)
    best = first.study.best()
    assert best and best.trial == head
    first.tell(tuned, 0.7, 0.9)
    again = start()
    best = again.study.best()
    assert best and (best.trial, best.start, best.from_pixels) == (tuned, "0000", True)
    assert best.result and len(best.result.history) == 2
    assert again.study.trials == first.study.trials
    assert again.folder.read_tail(tuned) == b"tail 0001 2"
    assert again.folder.read_checkpoint(tuned) == b"all 0001 2"


def test_a_head_that_is_solved_again_counts_with_its_new_score(start: Start) -> None:
    session = start()
    head = session.head()
    session.tell(head, 0.8, ended="solved")
    session.tell(head, 0.7, ended="solved")  # on more images: less lucky
    assert session.study.trials[head].score == pytest.approx(0.3)
    assert session.oracle.trials[head].score == pytest.approx(0.3)
    assert start().oracle.trials[head].score == pytest.approx(0.3)


def test_a_failure_is_recorded_and_others_go_on(start: Start) -> None:
    session = start()
    first, second = session.tuned(1), session.tuned(2)
    session.tell(second, 0.8)
    session.study.end(first, "RuntimeError: out of memory")
    session.study.end(second, "DivergedError: the loss diverged")
    statuses = {name: record.status for name, record in session.study.trials.items()}
    assert statuses == {first: "failed", second: "ended"}
    assert session.scores() == {first: ("FAILED", None), second: ("COMPLETED", pytest.approx(0.2))}
    assert start().scores() == session.scores()


def killed(*_: object, **__: object) -> None:
    raise KilledError


MOMENTS = [
    (StudyFolder, "write_tail"),
    (StudyFolder, "write_checkpoint"),
    (StudyFolder, "write_trial"),
    (SearchOracle, "_save_trial"),
    (SearchOracle, "end_trial"),
    (SearchOracle, "save"),
    (Study, "best"),
]


@pytest.mark.parametrize(("kind", "moment"), MOMENTS)
@pytest.mark.parametrize("ended", ["", "converged"])
@pytest.mark.parametrize("legs", [(0.9,), (0.8, 0.9)])
def test_a_kill_while_a_leg_is_kept_costs_no_more_than_the_leg(
    kind: type, moment: str, ended: str, legs: tuple[float, ...],
    start: Start, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before = start()
    trial = before.tuned()
    if len(legs) > 1:
        before.tell(trial, *legs[:-1])
    with monkeypatch.context() as patch:
        patch.setattr(kind, moment, killed, raising=False)
        try:
            before.tell(trial, *legs, ended=ended)
        except KilledError:
            pass
        else:
            assert (kind, moment, ended) not in [(StudyFolder, "write_trial", ended)]
    after = start()
    record = after.study.trials[trial]
    kept = len(record.result.history) if record.result else 0
    lost = kind is StudyFolder
    assert kept == len(legs) - lost
    assert record.ended == ("" if lost else ended)
    if not record.ended:
        after.tell(trial, *legs, ended="converged")
    assert after.study.trials[trial].ended == "converged"
    assert after.scores() == {trial: ("COMPLETED", pytest.approx(0.1))}
    assert after.tuned(2) == "0001"
    assert start().scores()[trial] == ("COMPLETED", pytest.approx(0.1))


@pytest.mark.parametrize(
    ("kind", "moment"),
    [(SearchOracle, "_save_trial"), (SearchOracle, "save"), (StudyFolder, "write_trial")],
)
def test_a_trial_whose_beginning_was_killed_is_made_or_made_again(
    kind: type, moment: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = start()
    before.tell(before.head(), 0.8, ended="solved")
    with monkeypatch.context() as patch:
        patch.setattr(kind, moment, killed)
        with pytest.raises(KilledError):
            before.tuned()
    after = start()
    assert list(after.study.trials) == ["0000", "0001"][: len(after.oracle.trials)]
    trial = "0001" if "0001" in after.study.trials else after.tuned()
    assert after.study.trials[trial].hyperparameters.depth == 1
    after.tell(trial, 0.9)
    assert after.tuned(2) == "0002"


@pytest.mark.parametrize("part", ["write_tail", "write_checkpoint", "write_trial"])
def test_a_full_disk_keeps_the_leg_before(
    part: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start()
    trial = session.tuned()
    before = session.tell(trial, 0.8)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(StudyFolder, part, full)
        session.tell(trial, 0.8, 0.9)
    again = start()
    assert session.study.trials[trial] == again.study.trials[trial] == before
    assert again.tell(trial, 0.8, 0.9).score == pytest.approx(0.1)


def damaged(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_text(content)


@pytest.mark.parametrize("content", ["", '{"half": ', None, "[]"])
@pytest.mark.parametrize("file", ["oracle.json", "trial_0001/trial.json"])
def test_keras_tuners_damaged_state_is_made_again_from_the_records(
    file: str, content: str | None, start: Start
) -> None:
    before = start()
    head, done, going = before.head(), before.tuned(1), before.tuned(2)
    before.tell(head, 0.7, ended="solved")
    before.tell(done, 0.8, ended="converged")
    before.tell(going, 0.9)
    damaged(before.folder.path / file, content)
    after = start()
    assert after.study.trials == before.study.trials
    assert after.scores()[head] == before.scores()[head]
    assert after.scores()[done] == ("COMPLETED", pytest.approx(0.2))
    assert after.tell(going, 0.9, 0.95, ended="behind").score == pytest.approx(0.05)
    assert after.tuned(1) == "0003"
    assert start().scores()[going] == ("COMPLETED", pytest.approx(0.05))


def test_a_damaged_record_of_an_open_trial_begins_again(start: Start) -> None:
    before = start()
    before.tell(trial := before.tuned(), 0.8)
    before.folder.record_path(trial).write_text('{"trial": "00')
    after = start()
    assert after.study.trials[trial].result is None and not after.study.trials[trial].ended
    assert after.study.trials[trial].hyperparameters == before.study.trials[trial].hyperparameters
    assert after.tell(trial, 0.9).score == pytest.approx(0.1)


@pytest.mark.parametrize("also_keras_tuners", [False, True])
@pytest.mark.parametrize("trial", ["0001", "0002"])
def test_a_number_whose_files_are_damaged_is_not_used_again(
    trial: str, also_keras_tuners: bool, start: Start
) -> None:
    before = start()
    for each in (before.head(), before.tuned(1), before.tuned(2)):
        before.tell(each, 0.8, ended="converged")
    before.folder.record_path(trial).write_text("")
    if also_keras_tuners:
        before.folder.oracle.write_text("")
    after = start()
    lost = after.study.trials.get(trial)  # Keras Tuner's state may still have it as going on
    assert lost is None or lost.result is None
    assert after.tuned(1) == "0003"
    assert sorted(start().oracle.trials) == ["0000", "0001", "0002", "0003"]


def test_an_algorithm_goes_on_from_what_was_found(start: Start) -> None:
    """Behind known ground; the Gaussian process is fitted to completed trials only."""
    session = start()
    for depth in (1, 2, 1, 2):
        session.tell(session.tuned(depth), 0.8 + 0.01 * depth, ended="behind")
    session.tell(session.tuned(2), 0.7)
    session = start()
    session.values = None
    asked = session.asked()
    assert session.study.trials[asked].hyperparameters.depth >= 1
    state = json.loads(session.folder.oracle.read_text())
    assert asked in state["start_order"]
