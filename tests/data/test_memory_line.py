"""The line on memory with which commands end."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data import memory
from data.memory import in_words, peak_memory, say_peak_memory


def test_what_was_needed_for_a_moment_is_seen() -> None:
    before = peak_memory()
    np.ones(before // 8 + 25_000_000)  # 200 MB more than there ever was
    assert peak_memory() > before + 100e6


@pytest.mark.parametrize(
    ("platform", "expected"), [("darwin", 5_000_000), ("linux", 5_120_000_000)]
)
def test_units_are_those_of_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, expected: int
) -> None:
    usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda _: SimpleNamespace(ru_maxrss=5_000_000))
    monkeypatch.setattr(memory, "resource", usage)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert peak_memory() == expected


@pytest.mark.parametrize("content", ["", "VmHWM:\n", "VmHWM: many kB\n"])
def test_a_status_that_says_nothing_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    (tmp_path / "status").write_text(content)
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    assert peak_memory() > 10e6


def test_without_a_count_there_is_no_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "resource", None)
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    say_peak_memory()
    assert capsys.readouterr() == ("", "")


def test_the_line_is_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "peak_memory", lambda: 1_200_000_000)
    say_peak_memory()
    assert capsys.readouterr() == ("", "peak memory 1.2 GB with mapped files\n")


def test_a_small_program_is_not_charged_with_the_one_that_starts_it(tmp_path: Path) -> None:
    np.ones(60_000_000)  # 480 MB here
    script = "from data.memory import say_peak_memory; say_peak_memory()"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = re.fullmatch(r"peak memory (\d+) MB with mapped files\n", run.stderr)
    assert found and int(found[1]) < 300


def test_sizes_in_words() -> None:
    assert (in_words(0), in_words(999_400_000)) == ("0 MB", "999 MB")
    assert in_words(1_000_000_000) == "1.0 GB"
