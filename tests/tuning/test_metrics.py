import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning import metrics

answers = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1, allow_nan=False)), min_size=1, max_size=60
)


@given(answers, st.sampled_from([0.8, 0.95, 0.98, 1.0]))
def test_decisions_outside_the_band_reach_the_target(
    pairs: list[tuple[int, float]], target: float
) -> None:
    labels, p_man = (np.array(column) for column in zip(*pairs, strict=True))
    band = metrics.uncertainty_band(labels, p_man, target)
    assert 0 <= band.low <= 0.5 <= band.high
    if band.share_uncertain == 1:
        return
    decided = (p_man < band.low) | (p_man >= band.high)
    assert band.share_uncertain == pytest.approx(1 - decided.mean(), abs=0.5 / len(labels) + 1e-9)
    if decided.any():
        right = (p_man[decided] >= 0.5) == (labels[decided] == 1)
        assert right.mean() >= target - 1e-9


def test_the_band_is_empty_when_all_is_right() -> None:
    band = metrics.uncertainty_band(np.array([0, 1, 1]), np.array([0.1, 0.9, 0.6]))
    assert (band.low, band.high, band.share_uncertain) == (0.5, 0.5, 0.0)


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < metrics.sigmoid(logits)).astype(int)
    assert metrics.fit_temperature(labels, 3 * logits) == pytest.approx(3, rel=0.05)
    before = metrics.calibration_error(labels, metrics.sigmoid(3 * logits))
    after = metrics.calibration_error(labels, metrics.sigmoid(logits))
    assert after < 0.02 < before


def test_calibration_error_of_a_known_case() -> None:
    labels = np.array([1, 1, 0, 0])
    assert metrics.calibration_error(labels, np.array([0.9, 0.9, 0.1, 0.1])) == pytest.approx(0.1)


def test_evaluate_counts_by_label_and_answer() -> None:
    result = metrics.evaluate(np.array([0, 0, 0, 1]), np.array([0.1, 0.2, 0.7, 0.8]))
    assert result.confusion == ((2, 1), (0, 1))
    assert result.accuracy == 0.75
    assert result.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    low, high = result.accuracy_interval
    assert low < 0.75 < high


def test_subgroups_need_enough_images_on_both_sides() -> None:
    manifest = pd.DataFrame(
        {"label": [0, 1] * 50, "Hat": [True] * 40 + [False] * 60, "Rare": [True] + [False] * 99}
    )
    p_man = np.where(manifest["Hat"], 0.9, manifest["label"])
    rows = metrics.subgroups(manifest, ["Hat", "Rare"], p_man)
    assert [row.attribute for row in rows] == ["Hat"]
    assert rows[0].gap == pytest.approx(-0.5)
