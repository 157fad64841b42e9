import pytest

from data.messages import one_line, printable


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("  two\n\tlines "), "two lines"),
        (ValueError(), "ValueError"),
        (OSError(13, "Permission denied", "a.csv"), "Permission denied: a.csv"),
        (OSError(13, "Permission denied", b"caf\xe9"), "Permission denied: caf\udce9"),
        (OSError("no number"), "no number"),
        (TimeoutError(110, "Connection timed out"), "[Errno 110] Connection timed out"),
        ("text of\na traceback", "text of a traceback"),
    ],
)
def test_what_an_exception_says_is_one_line(error: BaseException | str, line: str) -> None:
    assert one_line(error) == line


@pytest.mark.parametrize("length", [9, 10, 11])
def test_long_messages_are_cut(length: int) -> None:
    line = one_line("x" * length, limit=10)
    assert line == ("x" * length if length <= 10 else "x" * 9 + "…")


def test_only_control_characters_are_escaped() -> None:
    assert printable("日本\x1b[1m\n\udce9") == r"日本\x1b[1m\n\udce9"
