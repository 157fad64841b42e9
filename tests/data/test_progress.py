import pytest

from data.progress import milestones, progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the time is: the last number."""
    now = [0.0]
    monkeypatch.setattr("data.progress.time.monotonic", lambda: now[-1])
    return now


def test_a_long_pass_writes_a_line_now_and_then_with_the_time_left(clock: list[float]) -> None:
    lines = list[str]()
    update = milestones("looking", lines.append)
    for done in range(1, 101):
        clock.append(float(done))
        update(done, 100)
    assert lines == [
        "looking: 11 of 100, 89 s left",
        "looking: 41 of 100, 59 s left",
        "looking: 71 of 100, 29 s left",
    ]


def test_a_short_pass_writes_nothing(clock: list[float]) -> None:
    lines = list[str]()
    update = milestones("short", lines.append)
    for done in range(1, 3):
        clock.append(done * 9.0)
        update(done, 2)
    assert lines == []


def test_a_slow_pass_gives_minutes(clock: list[float]) -> None:
    lines = list[str]()
    update = milestones("slow", lines.append)
    for done, seconds in ((1, 0.0), (2, 60.0)):
        clock.append(seconds)
        update(done, 12_000)
    assert lines == ["slow: 2 of 12,000, 11998 min left"]


def test_in_a_log_there_are_lines_and_no_bar(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("decoding [images]") as update:
        for done in range(1, 4):
            clock.append(done * 20.0)
            update(done, 3)
    assert capsys.readouterr().err == "decoding [images]: 2 of 3, 20 s left\n"


def test_on_a_terminal_there_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "100")):
        monkeypatch.setenv(variable, value)
    with progress("decoding [images]") as update:
        update(2, 3)
    shown = capsys.readouterr().err
    assert "decoding [images]" in shown and "2/3" in shown
