from itertools import chain, cycle

import numpy as np
import pytest

from tuning.search import winner


def test_latency_is_the_median_of_warm_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that take turns to be fast and slow, after three that warm up, by a clock of ours."""
    now, seconds = [0.0], chain([0.5] * 3, cycle([0.01, 0.9]))

    class Classifier:
        def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
            assert images.shape == (1, 4, 4, 3)
            now[0] += next(seconds)
            return np.zeros((1, 1))

    monkeypatch.setattr(winner.time, "perf_counter", lambda: now[0])
    image = np.zeros((1, 4, 4, 3), np.uint8)
    assert winner.latency_ms(Classifier(), image) == pytest.approx(10)  # type: ignore[arg-type]
