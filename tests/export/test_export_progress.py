from io import StringIO

import pytest
from rich.console import Console

from export.progress import Steps


def test_a_step_is_a_line_with_its_time(steps: Steps, capsys: pytest.CaptureFixture[str]) -> None:
    with steps.step("converting"):
        assert capsys.readouterr().out == ""
    assert capsys.readouterr().out == "  vgg16: converting: 0.0 s\n"


def test_a_step_that_fails_is_not_reported_as_done(
    steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OSError), steps.step("converting"):
        raise OSError
    with pytest.raises(OSError), steps.counted("predicting"):
        raise OSError
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_how_far_a_counted_step_is() -> None:
    terminal = StringIO()
    steps = Steps(Console(file=terminal, force_terminal=True, width=80), "vgg16")
    with steps.counted("120 test images through Keras") as on_progress:
        on_progress(32, 120)
    assert "32/120" in terminal.getvalue()
    assert "0.0" in terminal.getvalue().splitlines()[-1]
