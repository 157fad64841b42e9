import numpy as np
import pytest
from scipy.special import expit, softmax

from data import GENDER, Label
from tuning.heads.scaling import fit_scaling

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_scores_of_any_scale_become_the_logits_that_they_came_from(unit: float) -> None:
    logits = 2 * RNG.normal(size=20_000) - 0.5
    codes = (RNG.random(20_000) < expit(logits)).astype(int)
    scaling = fit_scaling(GENDER, codes, (logits[:, None] + 3) * unit)
    assert scaling.apply((logits[:, None] + 3) * unit)[:, 0] == pytest.approx(logits, abs=0.25)


def test_of_many_classes_each_gets_its_bias() -> None:
    logits = RNG.normal(size=(20_000, 3)) + np.array([0, 1, -1])
    p = softmax(logits, axis=1)
    codes = (RNG.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    scaling = fit_scaling(HAIR, codes, (logits - [0, 1, -1]) / 5)
    assert softmax(scaling.apply((logits - [0, 1, -1]) / 5), axis=1) == pytest.approx(p, abs=0.03)


def test_scores_without_an_error_give_finite_logits() -> None:
    codes = np.arange(50) % 2
    scaling = fit_scaling(GENDER, codes, 2.0 * codes[:, None] - 1)
    assert 3 < scaling.slope < 10
    assert np.isfinite(scaling.bias).all()


def test_scores_that_are_wrong_are_not_turned_around() -> None:
    codes = np.arange(50) % 2
    assert fit_scaling(GENDER, codes, 1 - 2.0 * codes[:, None]).slope > 0


def test_a_class_without_images_is_improbable() -> None:
    codes = np.arange(60) % 2
    logits = fit_scaling(HAIR, codes, np.zeros((60, 3))).apply(np.zeros((1, 3)))
    assert softmax(logits)[0] == pytest.approx([0.5, 0.5, 0.01], abs=0.01)
