"""What the page predicts, without a server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inference import Classifier
from inference.demo.guards.uploads import Upload
from inference.demo.predictions import classify_batch
from inference.served.errors import RefusedError


def test_too_many_files_are_refused(models: Path, draw: Callable[..., Path]) -> None:
    one = Upload(draw("one.png", "red"), "one.png")
    with pytest.raises(RefusedError, match="201 files are too many: 200 at a time"):
        classify_batch([one] * 201, Classifier.load(models))


def test_a_batch_stops_in_time(
    models: Path, portray: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.demo.predictions.SECONDS_FOR_BATCH", 0)
    one = Upload(portray("one.png", "red"), "its name")
    [row] = classify_batch([one], Classifier.load(models)).rows()
    assert (row["file"], row["error"]) == ("its name", "not classified: the batch took too long")
