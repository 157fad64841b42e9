"""The drawn label shows what it is there to show: a temperature does not calibrate it."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks import figures
from data import GENDER


def test_slope_and_bias_calibrate_what_a_temperature_does_not() -> None:
    rng = np.random.default_rng(0)
    others = figures.drawn(2_000, rng)

    def draws() -> Iterator[tuple[figures.Images, figures.Images]]:
        for _ in range(3):
            yield figures.drawn(375, rng), others

    (_, before, *_), (_, now, *_) = figures.compared(GENDER, draws())
    assert float(now) < 0.04 < 0.08 < float(before)


def test_halves_share_no_person() -> None:
    images = figures.drawn(40, np.random.default_rng(0))
    first, second = next(figures.halves(images, np.random.default_rng(1)))
    assert not set(first.people) & set(second.people)
    assert len(first.codes) + len(second.codes) == 80


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_a_folder_that_is_no_run_is_one_line(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DRAWS", 1)
    with pytest.raises(figures.RunError, match=r"config\.json"):
        figures.main([path])
