import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundles import HAIR, SEVERAL, SMILING, label_info, make_info

from data import Label
from inference import BundleError, bundle
from inference.bundle import Calibration, LabelInfo

SHARES = st.floats(0, 1)


def with_least(*least: float) -> LabelInfo:
    label = SMILING if len(least) == 2 else HAIR
    return label_info(label, operating_point={"least": least})


@given(st.lists(SHARES, min_size=2, max_size=2).map(sorted), SHARES, SHARES)
def test_between_the_bounds_of_two_classes_it_is_uncertain(
    bounds: list[float], first: float, second: float
) -> None:
    low, high = bounds
    info = with_least(1 - low, high)
    order = ["no", "uncertain", "yes"]
    smaller, larger = (info.decide((1 - p, p)) for p in sorted((first, second)))
    assert order.index(smaller) <= order.index(larger)
    if not any(np.isclose(first, bounds, atol=1e-12)):
        assert (info.decide((1 - first, first)) == "uncertain") == (low < first < high)


@given(SHARES)
def test_without_an_operating_point_the_likeliest_class_is_named(p: float) -> None:
    info = label_info(SMILING, operating_point=None)
    assert info.decide((1 - p, p)) == ("yes" if p >= 0.5 else "no")


def test_of_many_classes_the_one_furthest_above_its_bound_is_named() -> None:
    info = with_least(0.5, 0.2, 0.9)
    assert info.decide((0.5, 0.3, 0.2)) == "green"
    assert info.decide((0.6, 0.1, 0.3)) == "red"
    assert info.decide((0.4, 0.1, 0.5)) == "uncertain"


def test_a_probability_that_is_no_number_is_uncertain() -> None:
    assert label_info(SMILING, operating_point=None).decide((0.5, float("nan"))) == "uncertain"


def test_where_every_class_must_reach_one_none_is_named() -> None:
    assert with_least(1.0, 1.0).decide((0.0, 1.0)) == "uncertain"
    assert with_least(0.5, 1.0).decide((0.0, 1.0)) == "yes"


def label(**changes: object) -> dict[str, object]:
    return label_info(SMILING).model_dump() | changes


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "labels: Tuple should have at least 1 item"),
        ([label(name=f"a{n}", output=f"p_{n}") for n in range(101)], "at most 100 items"),
        ([label(classes=[str(n) for n in range(100_000)])], "classes: Tuple should have at most"),
        ([label(classes=["no"])], "classes: Tuple should have at least 2 items"),
        ([label(classes=["no", "no"])], "a class occurs twice"),
        ([label(classes=["no", "uncertain"])], "'uncertain' can't be the name"),
        ([label(classes=["no", "a\nb\x1b[31m"])], "can't be the name"),
        ([label(name="")], "name: String should have at least 1 character"),
        ([label(output="p<script>")], "output: String should match pattern"),
        ([label(output="p_\n")], "output: String should match pattern"),
        ([label(temperature=0.0)], "temperature: Input should be greater than 0"),
        ([label(temperature=float("nan"))], "temperature: Input should be"),
        ([label(temperature=10**400)], "temperature: Input should be"),
        ([label(calibration={"slope": 0, "bias": (0.0,)})], "slope: Input should be greater than"),
        ([label(calibration={"slope": 1, "bias": ()})], "bias: Tuple should have at least 1 item"),
        ([label(calibration={"slope": 1, "bias": (0, float("inf"))})], "bias.1: Input should be"),
        ([label(calibration={"slope": 1, "bias": (0.0, 0.0)})], "must have a bias for each logit"),
        ([label(operating_point={"least": (0.5,)})], "must have a number for each class"),
        ([label(operating_point={"least": (0.5, 1.5)})], "least.1: Input should be less than"),
        ([label(operating_point={"least": (0.5, float("nan"))})], "least.1: Input should be"),
        ([label(), label(output="p_other")], "labels: 'Smiling' occurs twice"),
        ([label(), label(name="other")], "labels: 'p_Smiling' occurs twice"),
        (
            [
                label(name="y:z", classes=("a", "x"), output="p_1"),
                label(name="z", classes=("a", "x:y"), output="p_2"),
            ],
            "labels: 'p_x:y:z' occurs twice",
        ),
        ([label(**{"two\nlines": 1})], "Extra inputs are not permitted"),
        ([label(**{"x" * 1_000_000: 1})], "labels.0.xxx"),
    ],
)
def test_labels_that_cannot_be_are_one_line(labels: Any, message: str, tmp_path: Path) -> None:
    content = json.loads(make_info().model_dump_json()) | {"labels": labels}
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(BundleError) as error:
        bundle.read(tmp_path)
    assert message in str(error.value) and "make export" in str(error.value)
    assert str(error.value).isprintable() and len(str(error.value)) < 1000


def test_the_temperature_of_older_bundles_is_a_calibration() -> None:
    for classes, width in ((("no", "yes"), 1), (("red", "green", "blue"), 3)):
        of_label = {"name": "x", "classes": classes, "output": "p_x", "temperature": 2.5}
        info = LabelInfo.model_validate(of_label)
        assert info.slope == pytest.approx(0.4)
        assert info.calibration == Calibration(slope=0.4, bias=(0.0,) * width)
        assert LabelInfo.model_validate(info.model_dump()) == info


def test_names_with_markup_are_names() -> None:
    """They are escaped where they are shown."""
    name = "<img src=x onerror=alert(1)>"
    odd = Label(name=name, classes=("<b>", '"&"'))
    assert make_info(of=(odd,)).classes == (odd,)


@pytest.mark.parametrize("numbers", [1, 3, 0])
def test_expected_results_of_another_length_are_refused(numbers: int) -> None:
    checks = {"file": "c.png", "sha256": "0", "expected": {"fp32": [[0.5] * numbers]}}
    with pytest.raises(ValueError, match=r"checks\.expected: must have 2 numbers an image"):
        make_info(checks=checks)
    assert make_info(of=SEVERAL).classes == SEVERAL
