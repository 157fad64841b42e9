"""What the server writes to its log."""

import pytest

from inference.served.log import log_failure, log_line


def test_a_visitor_cannot_begin_a_line(capsys: pytest.CaptureFixture) -> None:
    log_line("user 'me\nforged\r\x1b[2J\u2028\u00e9'")
    [line] = capsys.readouterr().err.splitlines()
    assert line == r"user 'me\nforged\r\x1b[2J\u2028\xe9'"


def test_a_failure_is_one_line_without_paths_or_contents(capsys: pytest.CaptureFixture) -> None:
    try:
        raise OSError("/secret/photo.jpg")
    except OSError as error:
        log_failure(error, "GET /config")
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("GET /config failed: OSError in test_log.py:")
    assert "/secret" not in line and "/" not in line.removeprefix("GET /config")
