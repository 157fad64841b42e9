"""How many pictures are read at the same time."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.decoding_room import DecodingRoom
from inference.detection.finder import PreparedPicture
from inference.predict.outcomes import outcomes


class Gauge:
    """Stands for a classifier, and counts how many pictures it prepares at the same time."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.lock = threading.Lock()

    def prepare(self, _: Path) -> PreparedPicture:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.01)
        with self.lock:
            self.running -= 1
        return PreparedPicture()

    def label(self, pictures: list[Any]) -> list[list[Any]]:
        return [[] for _ in pictures]


@pytest.fixture
def gauge() -> Any:
    return Gauge()


@pytest.mark.parametrize(("threads", "expected"), [(3, 3), (1, 1), (None, 2)])
def test_threads_are_obeyed(
    gauge: Any, monkeypatch: pytest.MonkeyPatch, threads: int | None, expected: int
) -> None:
    monkeypatch.setattr("inference.predict.outcomes.default_threads", lambda: 2)
    files = [Path(f"{index}.jpg") for index in range(60)]
    assert [outcome.file for outcome in outcomes(gauge, files, threads)] == files
    assert gauge.most == expected


def test_large_pictures_share_the_memory(
    gauge: Any, draw: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen threads, room for two pictures: never more than two at a time."""
    files = [draw(f"{index}.png", "red", (100, 100)) for index in range(24)]
    monkeypatch.setattr("data.images._ROOM", DecodingRoom(2 * 16 * 100 * 100 + 2000))
    assert len(list(outcomes(gauge, files, 16))) == 24
    assert gauge.most == 2
