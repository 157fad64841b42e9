import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from timelines import two_backbones

from benchmarks import equal_minutes
from benchmarks.curves import Point
from benchmarks.equal_minutes import DEFAULTS, OURS, PLAIN, Side
from benchmarks.tune_process import _ahead, trial_curves
from benchmarks.workload import Workload

POINTS = {
    (PLAIN, 1): [Point(30, 0.7), Point(90, 0.9)],
    (OURS, 1): [Point(30, 0.9)],
    (PLAIN, 2): [Point(60, 0.8)],
    (OURS, 2): [Point(30, 0.7), Point(120, 0.8)],
    (DEFAULTS, 1): [Point(60, 0.95)],
}


def sides() -> list[Side]:
    return [
        Side(side, "vgg16", number, val=points, test=points, seconds=120, facts={})
        for (side, number), points in POINTS.items()
    ]


def test_rounds_are_compared_in_pairs() -> None:
    compared = equal_minutes.compare(sides(), minutes=2)
    assert [(each.against, each.figure) for each in compared] == [
        (PLAIN, "val"), (PLAIN, "test"), (DEFAULTS, "val"), (DEFAULTS, "test"),
    ]  # fmt: skip
    plain, *_, defaults = compared
    assert [race.ratio for race in plain.races] == [3, 0.5]
    assert plain.ratio == 1.75
    assert [(race.ahead, race.behind) for race in plain.races] == [((1,), ()), ((), (1,))]
    assert defaults.ratio is None


def test_the_result_is_json_and_a_table(workload: Workload, tmp_path: Path) -> None:
    compared = equal_minutes.compare(sides(), minutes=2)
    content = equal_minutes.content(workload, 2, sides(), compared)
    assert json.loads(json.dumps(content))["compared"][0]["ratio"] == 1.75
    assert equal_minutes.table(workload, 2, compared).row_count == 4
    paths = equal_minutes.draw(tmp_path, 2, sides())
    assert [path.name for path in paths] == [
        "equal-minutes-vgg16-val.png", "equal-minutes-vgg16-test.png",
    ]  # fmt: skip
    assert all(path.stat().st_size > 5000 for path in paths)


def test_a_timeline_is_put_on_the_clock_of_its_process(tmp_path: Path) -> None:
    run = two_backbones(tmp_path)
    written = run.timeline.stat().st_mtime  # behind the last row, at 60 s of the run's clock
    ahead = _ahead(run, began=written - 65)
    [point] = trial_curves(run, ahead)["googlenet"]
    assert point.seconds == pytest.approx(50 + 5)


@pytest.mark.slow
def test_both_sides_search_as_processes(workload: Workload) -> None:
    found = equal_minutes.run(workload, minutes=0.5, rounds=1, tuner="random", with_defaults=True)
    assert [side.side for side in found] == [PLAIN, OURS, DEFAULTS]
    plain, ours, _ = found
    assert ours.val and ours.test and plain.facts["trials"]
    assert all(point.seconds <= 30 for side in found for point in [*side.val, *side.test])
    assert all(0 <= point.value <= 1 for side in found for point in [*side.val, *side.test])
    assert json.dumps([asdict(replace(side, facts={})) for side in found])
