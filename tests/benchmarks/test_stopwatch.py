import pytest

from benchmarks.our_search import OurSearch
from benchmarks.stopwatch import Stopwatch
from benchmarks.workload import Workload


def test_a_part_that_fails_is_counted_as_well() -> None:
    stopwatch = Stopwatch()
    with pytest.raises(OSError), stopwatch.part("trunk"):
        raise OSError
    assert stopwatch.take()["trunk"] > 0
    assert stopwatch.take() == {}


def test_a_search_notes_the_time_of_each_part(workload: Workload) -> None:
    search = OurSearch(workload, "googlenet", (0, 1))
    noted = search.stopwatch.take()
    assert 0 < noted["trunk"] < search.setup_seconds
    [trial] = search.study(1, trials=1, epochs=1)
    noted = search.stopwatch.take()
    assert set(noted) == {"warm-up", "checkpoint"}
    assert noted["warm-up"] > 0.01  # six epochs of the head
    assert noted["warm-up"] + sum(trial.epoch_seconds) < trial.training
    assert 0 < noted["checkpoint"] < trial.seconds - trial.training
    search.study(0, trials=1, epochs=1)
    assert search.stopwatch.take()["warm-up"] < 0.01  # the head is all there is

    again = OurSearch(workload, "googlenet", (0, 1))
    assert again.stopwatch.take()["trunk"] < 0.5 * search.setup_seconds
