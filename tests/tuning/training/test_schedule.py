import numpy as np
import pytest

from tuning.training.schedule import TrainingConfig


@pytest.mark.parametrize(("epochs", "batches"), [(1, 1), (1, 5), (3, 7), (20, 55)])
def test_learning_rates_are_those_of_the_keras_schedule(epochs: int, batches: int) -> None:
    config = TrainingConfig(0, 8, 3e-3, epochs)
    schedule = config.schedule(batches)
    expected = [float(schedule(step)) for step in range(epochs * batches)]
    np.testing.assert_allclose(
        config.learning_rates(batches)[: len(expected)], expected, rtol=1e-4, atol=1e-9
    )
