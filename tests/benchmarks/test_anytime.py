import json
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image
from timelines import timeline, two_backbones

from benchmarks.anytime import Anytime, _free_name, draw
from benchmarks.busy import busy
from benchmarks.curves import Point
from tuning.runs.run_folder import RunError


def test_the_timeline_is_read_as_curves(tmp_path: Path) -> None:
    measured = Anytime.of(two_backbones(tmp_path))
    assert measured.val == {
        "googlenet": [Point(50, 0.88)],
        "vgg16": [Point(36, 0.90), Point(37, 0.90), Point(40, 0.92)],
    }
    assert measured.score["vgg16"][-1] == Point(40, 0.07)
    assert measured.seconds == 70


def test_what_was_seen_of_winners_stays_when_a_run_is_drawn_again(tmp_path: Path) -> None:
    run, path = two_backbones(tmp_path / "run"), tmp_path / "run.json"
    seen = {"vgg16": [Point(40, 0.93)]}
    assert Anytime.of(run, path).test == {}
    path.write_text(json.dumps({"test": seen}))
    assert Anytime.of(run, path).test == seen


def test_curves_are_drawn(tmp_path: Path) -> None:
    for path in draw(tmp_path / "bench", Anytime.of(two_backbones(tmp_path / "run"))):
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert len(picture.convert("RGBA").getcolors(10**6) or []) > 3


def test_a_run_without_a_trial_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no timeline with a trial"):
        Anytime.of(timeline(tmp_path))


def test_a_run_that_is_there_stays(tmp_path: Path) -> None:
    assert _free_name(tmp_path, "anytime-idle").name == "anytime-idle"
    (tmp_path / "anytime-idle").mkdir()
    assert _free_name(tmp_path, "anytime-idle").name == "anytime-idle-2"


def test_busy_processes_end_with_the_block_even_when_it_fails() -> None:
    with pytest.raises(ValueError), busy(2) as numbers:
        time.sleep(0.2)
        assert all(psutil.Process(number).is_running() for number in numbers)
        raise ValueError
    assert len(numbers) == 2
    assert not any(psutil.pid_exists(number) for number in numbers)
