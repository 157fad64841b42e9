import pytest

from benchmarks import workers
from benchmarks.workers import Overhead, TimedRun, WorkersComparison

ALONE, ONE, TWO = (TimedRun(count, 9 - count, {"vgg16": 3}, 3) for count in (0, 1, 2))
COST = Overhead(5.0, 0.001, 0.2)


def test_the_ratio_is_of_the_medians() -> None:
    slow = TimedRun(0, 30, {"vgg16": 3}, 3)
    measured = WorkersComparison.of([ALONE, ONE, TWO, TWO, ALONE, ONE, slow, TWO, ONE], COST)
    assert measured.seconds == {0: 9, 1: 8, 2: 7}
    assert measured.ratio == pytest.approx(9 / 7)


@pytest.mark.parametrize(
    "short",
    [TimedRun(2, 6, {"vgg16": 2}, 2), TimedRun(2, 6, {"vgg16": 3}, 2)],
    ids=["lacks", "failed"],
)
def test_a_leaderboard_that_lacks_trials_is_an_error(short: TimedRun) -> None:
    workers._check([ALONE, ONE, TWO])
    with pytest.raises(RuntimeError, match="with 2 workers"):
        workers._check([ALONE, short])
