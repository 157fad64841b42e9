from pathlib import Path

import numpy as np
import pytest

from export.forms import BATCH_SIZE, Form, in_batches
from export.predictions import exact_where_apart, predict, recorded_or_predicted
from export.progress import Steps
from export.source import RecordedPredictions, Split

IMAGES = np.arange(200)  # an image is its number here
P_MAN = np.linspace(0, 1, 200)
P = np.stack([1 - P_MAN, P_MAN], axis=1)
ROWS = np.arange(50, 200)
CODES = ROWS[:, None] % 2
TEST = Split("test", IMAGES, ROWS, CODES)


class Model:
    """A form that notes which images it is asked for."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.form = Form("fp32", Path("model.onnx"), self._predict)

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        self.seen += batch.tolist()
        return P[batch]


def test_batches_are_small_and_in_order() -> None:
    sizes = []

    def predict_batch(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return P[batch]

    done: list[tuple[int, int]] = []
    p = in_batches(predict_batch, IMAGES, ROWS, lambda *numbers: done.append(numbers))
    assert p.tolist() == P[ROWS].tolist()
    assert max(sizes) == BATCH_SIZE and sum(sizes) == 150
    assert done[0] == (BATCH_SIZE, 150) and done[-1] == (150, 150)


def test_all_images_of_a_split_are_predicted(
    steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Model()
    assert predict(model.form, TEST, steps).tolist() == P[ROWS].tolist()
    assert model.seen == ROWS.tolist()
    assert "vgg16: 150 test images through ONNX fp32: " in capsys.readouterr().out


def test_a_record_that_holds_is_taken_after_a_sample(steps: Steps) -> None:
    model = Model()
    recorded = RecordedPredictions(ROWS, CODES, P[ROWS] + 1e-5)
    assert recorded_or_predicted(model.form, TEST, recorded, steps) is recorded.p
    assert len(model.seen) == 64
    assert model.seen[0] == ROWS[0] and model.seen[-1] == ROWS[-1]


@pytest.mark.parametrize(
    "recorded",
    [
        RecordedPredictions(ROWS, CODES, P[ROWS][::-1]),
        RecordedPredictions(ROWS, CODES, np.where(ROWS[:, None] == 199, 0.5, P[ROWS])),
        RecordedPredictions(ROWS, CODES, np.full((150, 2), np.nan)),
        RecordedPredictions(ROWS[::-1], CODES, P[ROWS]),
        RecordedPredictions(ROWS[:-1], CODES[:-1], P[ROWS][:-1]),
    ],
    ids=["other model", "one image", "no numbers", "other rows", "too short"],
)
def test_a_record_that_does_not_hold_is_predicted_anew(
    steps: Steps, recorded: RecordedPredictions
) -> None:
    p = recorded_or_predicted(Model().form, TEST, recorded, steps)
    assert p.tolist() == P[ROWS].tolist()


def test_the_form_is_asked_itself_about_images_on_which_others_differ(steps: Steps) -> None:
    model = Model()
    recorded, others = P[ROWS].copy(), [P[ROWS].copy(), P[ROWS].copy()]
    recorded[[3, 70]] += [[1e-3, -1e-3]]
    others[1][9] = np.nan
    p = exact_where_apart(model.form, TEST, recorded, others, steps)
    assert p.tolist() == P[ROWS].tolist()
    assert model.seen == ROWS[[3, 9, 70]].tolist()


def test_a_record_from_which_nobody_differs_stays(steps: Steps) -> None:
    model = Model()
    recorded = P[ROWS] + 1e-4
    assert exact_where_apart(model.form, TEST, recorded, [P[ROWS]], steps) is recorded
    assert not model.seen
