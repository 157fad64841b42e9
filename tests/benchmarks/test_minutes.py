from pathlib import Path

import pytest
from timelines import timeline, two_backbones

from benchmarks.minutes import Speed, speeds, spent
from tuning.runs.run_folder import RunError


def test_all_seconds_are_somewhere(tmp_path: Path) -> None:
    where = spent(two_backbones(tmp_path))
    assert where.seconds == 70
    assert where.steps == {
        "vgg16": {"pass": 11.0, "head": 0.0, "leg": 10.0, "winner": 3.0},
        "googlenet": {"pass": 15.0, "head": 0.0, "leg": 0.0, "winner": 10.0},
    }
    assert where.rest == {"start": 10, "report": 10, "between steps": 1, "end": 10}
    side_by_side = 10  # seconds in which two passes were worked on
    every = sum(sum(steps.values()) for steps in where.steps.values())
    assert every + sum(where.rest.values()) - side_by_side == where.seconds


def test_speed_is_operations_over_seconds_without_what_was_cached(tmp_path: Path) -> None:
    assert speeds(two_backbones(tmp_path), peak=100.0) == [
        Speed("vgg16", "pass", 100, 10.0, 50.0, 0.5),
        Speed("vgg16", "leg", 80, 10.0, 90.0, 0.9),
        Speed("googlenet", "pass", 100, 15.0, 2.0, 0.02),
    ]


def test_a_run_without_a_timeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no timeline"):
        spent(timeline(tmp_path))
