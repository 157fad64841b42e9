"""The view of a run, from the side of whoever watches: alive, killed, hostile, on a pipe."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from small_search import completed
from tracked_run import begun_run, winner_of

from tuning.activities import Activities
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import TrialRecord
from tuning.runs.status import Driver, RunStatus
from tuning.runs.time_budget import TimeBudget
from tuning.status_writer import status_of
from tuning.watching.snapshot import RunReader
from tuning.watching.view import View
from tuning.watching.watch import newest_run, watch

HOSTILE = "[red]x[/red]\x1b]0;owned\x07\x1b[2J\r\n"


def shown(run: RunFolder, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, height=40, force_terminal=False)
    console.print(View(RunReader(run).read()))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def status(run: RunFolder, **changed: object) -> RunStatus:
    now = RunStatus(
        state="running", driver=Driver.this_process(), updated=time.time(), spent=65.0, left=55.0
    ).model_copy(update=changed)
    run.write_status(now)
    return now


def test_it_shows_what_is_done_now_and_next(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    activities = Activities()
    activities.update("trial 1 depth 1", 1, 4, "googlenet")
    status(run, now=activities.now())
    seen = shown(run)
    for words in ("running", "1:05 used", "left", "googlenet: trial 1 depth 1", "1 of 4"):
        assert words in seen
    assert "first winner of googlenet, vgg16 → fine-tuning of vgg16 → report" in seen
    assert "▁▄█" in seen  # the fine-tuned trial's accuracy by leg
    run.write_winner(winner_of("googlenet"))
    assert "first winner of vgg16 → fine-tuning of vgg16 → report" in shown(run)


def test_it_shows_what_a_stop_now_would_leave(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    googlenet = next(line for line in shown(run).splitlines() if "1 head, 1 fine-tuned" in line)
    assert "1,000" in googlenet and "1: 90.00 %" in googlenet and "80.00 %" not in googlenet
    run.write_winner(winner_of("googlenet"))
    googlenet = next(line for line in shown(run).splitlines() if "1 head, 1 fine-tuned" in line)
    assert googlenet.rstrip().endswith("1: 80.00 %")
    assert "vgg16" in shown(run) and "waits" in shown(run)


def test_a_trial_grows_while_it_goes_on(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    reader = RunReader(run)
    first = reader.read().leaderboard()
    assert [(record.trial, record.status) for _, record in first] == [("1", "open"), ("0", "ended")]
    run.study("googlenet").write_trial(completed("1", 1, 0.5, 0.7, 0.9, 0.95))
    backbone, record = reader.read().leaderboard()[0]
    assert (backbone, record.ended, record.result.seen) == ("googlenet", "converged", 4000)  # type: ignore[union-attr]


def test_a_narrow_terminal_loses_hyperparameters_and_no_figure(tmp_path: Path) -> None:
    lines = shown(begun_run(tmp_path), width=80).splitlines()
    assert not any("learning rate" in line for line in lines)
    best = next(line for line in lines if "0.1000" in line)
    assert "90.00 %" in best and "▁▄█" in best and best.rstrip().endswith("goes on")


def test_a_killed_run_is_shown_as_stopped(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    import psutil

    driver = Driver(
        host=Driver.this_process().host, pid=child.pid,
        started=psutil.Process(child.pid).create_time(),
    )  # fmt: skip
    status(run, driver=driver, updated=time.time() - 60)
    assert RunReader(run).read().state == "running"  # busy, but there
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert RunReader(run).read().state == "stopped"
    assert "the same `make tune` goes on" in shown(run)


def test_a_number_taken_by_another_process_is_no_sign_of_life(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    before = Driver.this_process().model_copy(update={"started": 1.0})
    status(run, driver=before, updated=time.time() - 60)
    assert RunReader(run).read().state == "stopped"


@pytest.mark.parametrize("age, state", [(30, "running"), (300, "stopped")])
def test_another_machine_goes_by_how_long_the_driver_is_silent(
    tmp_path: Path, age: float, state: str
) -> None:
    run = begun_run(tmp_path)
    status(run, driver=Driver(host="elsewhere", pid=1, started=0.0), updated=time.time() - age)
    assert RunReader(run).read().state == state


def test_a_machine_whose_clock_is_behind_is_alive_while_it_writes(tmp_path: Path) -> None:
    run, reader = begun_run(tmp_path), RunReader(begun_run(tmp_path))
    driver = Driver(host="elsewhere", pid=1, started=0.0)
    for beat in (0, 1):
        status(run, driver=driver, updated=1000.0 + beat)
        state = reader.read().state
    assert state == "running"


def test_names_in_the_folder_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    run = begun_run(tmp_path / "[bold]", note=HOSTILE, data=HOSTILE)
    activities = Activities()
    activities.update(HOSTILE, 1, 2, HOSTILE)
    status(run, now=activities.now())
    seen = shown(run)
    console = Console(file=io.StringIO())
    status(run, state="failed", message=HOSTILE)
    watch(run, console)
    assert isinstance(console.file, io.StringIO)
    for text in (seen, console.file.getvalue()):
        assert "[red]x[/red]" in text and "\x1b" not in text and "\x07" not in text


def test_damaged_files_are_passed_over(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    run.status.write_text('{"state": "running"')
    run.study("googlenet").images.write_text("[]")
    (run.path / "config.json").write_text("null")
    assert "unfinished" in shown(run)


def test_a_pipe_gets_a_line_for_each_thing_once(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    run.write_winner(winner_of("googlenet"))
    status(run, state="interrupted")
    console = Console(file=io.StringIO())
    assert watch(run, console).state == "interrupted"
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == len(set(lines))
    assert "googlenet: winner of trial 1, test accuracy 80.00 %" in lines
    assert lines[-2:] == [
        "run faces: interrupted after 1:05",
        "left to do: first winner of vgg16 → fine-tuning of vgg16 → report",
    ]


def test_the_newest_run_is_watched(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run in"):
        newest_run(tmp_path)
    old, new = (begun_run(tmp_path / name) for name in ("old", "new"))
    os.utime(old.config, (1, 1))
    assert newest_run(new.path.parent).path == new.path


def test_the_driver_writes_how_it_ends(tmp_path: Path) -> None:
    run = begun_run(tmp_path)
    activities = Activities()
    with status_of(run, TimeBudget(run, 1.0), activities):
        first = run.read_status()
        activities.begin("decoding images")
        deadline = time.monotonic() + 20
        while not (now := run.read_status()) or not now.now:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    ended = run.read_status()
    assert first and first.is_working() and ended
    assert (ended.state, ended.now) == ("finished", ())
    with pytest.raises(RunError), status_of(run, TimeBudget(run, 1.0), activities):
        raise RunError("two\nlines")
    failed = run.read_status()
    assert failed and (failed.state, failed.message) == ("failed", "two lines")


def test_a_trial_that_failed_says_why(tmp_path: Path) -> None:
    run = begun_run(tmp_path, note="out of memory")
    assert "failed: out of memory" in shown(run)
    assert [record.status for _, record in RunReader(run).read().leaderboard()][-1] == "failed"
    assert isinstance(RunReader(run).read().leaderboard()[0][1], TrialRecord)
