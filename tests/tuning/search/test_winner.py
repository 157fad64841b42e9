import time
from typing import Any

import keras
import numpy as np

from tuning.search import winner


def test_latency_is_that_of_warm_calls() -> None:
    class Slow(keras.Model):
        calls = 0

        def call(self, images: Any) -> Any:
            self.calls += 1
            time.sleep(0.01 if self.calls > 4 else 0.5)
            return keras.ops.mean(images, axis=(1, 2, 3))

    model = Slow()
    model.compile(run_eagerly=True)
    assert 10 <= winner.latency_ms(model, np.zeros((1, 4, 4, 3), np.uint8)) < 400
    assert model.calls > 10
