import numpy as np
import pytest

from tuning.runs.schema import Leg
from tuning.training import tail_weights
from tuning.training.checkpoint import Checkpoint

ARRAYS = {"conv/kernel": np.ones((2, 3), np.float32), "logit/bias": np.zeros(1, np.float32)}
LEG = Leg(
    leg=1, images=64, seconds=1.5, loss=0.3, val_accuracy=0.9, val_auc=0.9, val_brier=0.1,
    val_loss=0.3,
)  # fmt: skip


def checkpoint() -> Checkpoint:
    twice = {name: 2 * array for name, array in ARRAYS.items()}
    return Checkpoint(64, 2, (LEG,), ARRAYS, twice, ARRAYS, twice)


def test_a_checkpoint_comes_back_from_its_bytes() -> None:
    again = Checkpoint.from_bytes(checkpoint().to_bytes())
    assert again is not None
    assert (again.images, again.steps, again.history) == (64, 2, (LEG,))
    assert again.average["conv/kernel"].tolist() == [[2.0] * 3] * 2


def test_a_damaged_checkpoint_is_none() -> None:
    content = checkpoint().to_bytes()
    for end in range(0, len(content), 97):
        assert Checkpoint.from_bytes(content[:end]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"facts": np.frombuffer(b"{", np.uint8)},
        {"facts": np.frombuffer(b'{"images": 1}', np.uint8)},
        {"facts": np.frombuffer(b'{"images": 1, "steps": 1, "history": [{}]}', np.uint8)},
        {"first/conv/kernel": np.ones((3, 3), np.float32)},
        {"first/conv/kernel": np.ones((2, 3))},
        {"other/conv/kernel": np.ones((2, 3), np.float32)},
        {"average/more": np.ones(1, np.float32)},
    ],
)
def test_a_checkpoint_that_does_not_fit_together_is_none(change: dict[str, np.ndarray]) -> None:
    arrays = tail_weights.read_arrays(checkpoint().to_bytes())
    assert arrays is not None
    assert Checkpoint.from_bytes(tail_weights.to_bytes({**arrays, **change})) is None
