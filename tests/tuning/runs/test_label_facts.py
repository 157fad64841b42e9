"""What is known of a winner on a label."""

from typing import Any

import pytest
from pydantic import ValidationError

from data import GENDER, Label
from tuning.runs.schema import LabelFacts

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
SCORES = {
    "count": 10, "accuracy": 0.8, "accuracy_interval": (0.49, 0.94), "balanced_accuracy": 0.8,
    "auc": 0.9, "brier": 0.12, "calibration_error": 0.06, "log_loss": 0.5,
    "confusion": ((4, 1), (1, 4)),
}  # fmt: skip


def facts(label: Label, **calibration: Any) -> dict[str, Any]:
    scores = SCORES | {"uncalibrated": SCORES}
    point = {"least": (0.7,) * len(label.classes), "target_accuracy": 0.9, "accuracy": 0.9}
    return {
        "label": label.model_dump(), "operating_point": point | {"share_uncertain": 0.0},
        "val": scores, "test": scores, **calibration,
    }  # fmt: skip


@pytest.mark.parametrize(("label", "width"), [(GENDER, 1), (HAIR, 3)])
def test_a_calibration_has_a_bias_for_each_logit(label: Label, width: int) -> None:
    read = LabelFacts.model_validate(
        facts(label, calibration={"slope": 1.0, "bias": (0.0,) * width})
    )
    assert read.calibration.bias == (0.0,) * width
    assert LabelFacts.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize(
    ("label", "calibration"),
    [
        (GENDER, {"calibration": {"slope": 0.0, "bias": (0.0,)}}),
        (GENDER, {"calibration": {"slope": 1.0, "bias": (0.0, 0.0)}}),
        (HAIR, {"calibration": {"slope": 1.0, "bias": (0.0,)}}),
        (HAIR, {}),
    ],
)
def test_what_is_no_calibration_is_refused(label: Label, calibration: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LabelFacts.model_validate(facts(label, **calibration))
