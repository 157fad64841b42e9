import pytest

from benchmarks import workers
from benchmarks.workers import StudyRun, WorkersComparison

ONE, TWO = StudyRun(1, 9, 5, {0: 3}, 3), StudyRun(2, 6, 4, {0: 3}, 3)


def test_the_ratio_is_of_the_medians() -> None:
    slow = StudyRun(1, 30, 20, {0: 3}, 3)
    measured = WorkersComparison.of([ONE, TWO, TWO, ONE, slow, TWO])
    assert (measured.seconds, measured.trial_seconds) == ({1: 9, 2: 6}, {1: 5, 2: 4})
    assert (measured.ratio, measured.trial_ratio) == (1.5, 1.25)


@pytest.mark.parametrize(
    "short", [StudyRun(2, 6, 4, {0: 2}, 2), StudyRun(2, 6, 4, {0: 3}, 2)], ids=["lacks", "failed"]
)
def test_a_leaderboard_that_lacks_trials_is_an_error(short: StudyRun) -> None:
    workers._check([ONE, TWO])
    with pytest.raises(RuntimeError, match="with 2 workers"):
        workers._check([ONE, short])
