from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from layer_by_layer import outputs_of
from scipy.special import logit

from data import GENDER, Label
from tuning.backbones.class_activations import output_name, with_activations
from tuning.backbones.head_features import FeatureStatistics, head_features
from tuning.backbones.transfer_model import HeadConfig, TransferModel


class Calibration(NamedTuple):
    """A label's calibration."""

    slope: float
    bias: tuple[float, ...]


HAIR = Label(name="hair", classes=("fair", "brown", "black"))
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
STAGES, GRID = 2, 4


@pytest.mark.parametrize("labels", [(GENDER,), (GENDER, HAIR)])
@pytest.mark.parametrize("is_loaded", [False, True])
def test_fields_add_up_to_the_logits(
    labels: tuple[Label, ...],
    is_loaded: bool,
    model_of: Callable[[str], TransferModel],
    tmp_path: Path,
) -> None:
    model, random = model_of("googlenet"), np.random.default_rng(1)
    [maps] = outputs_of(model.trunk([STAGES]), PIXELS)
    statistics = FeatureStatistics.of(head_features(maps, GRID))
    bias = (0.3, -0.2, 0.0, 0.1)[: sum(label.width for label in labels)]
    head = model.head(HeadConfig(STAGES, GRID, 0, 0.1, statistics, bias))
    kernel, _ = head.get_layer("logit").get_weights()
    kernel = random.normal(0, 0.02, kernel.shape)
    head.get_layer("logit").set_weights([kernel, np.float32(bias)])
    calibration = [
        Calibration(slope=0.7, bias=(0.5,)),
        Calibration(slope=1.4, bias=(0.1, 0.2, 0.3)),
    ][: len(labels)]
    classifier = model.classifier(STAGES, head, labels, calibration)
    if is_loaded:
        classifier.save(tmp_path / "winner.keras")
        classifier = keras.models.load_model(tmp_path / "winner.keras")
    given = with_activations(classifier, labels, (0.7, 1.4)[: len(labels)], GRID)(PIXELS)
    activations = np.asarray(given[output_name(GENDER)])
    assert activations.shape == (3, GRID, GRID, 1)
    p = np.asarray(given["p_man"], np.float64)
    constant = 0.7 * bias[0] + 0.5
    np.testing.assert_allclose(activations.mean(axis=(1, 2)) + constant, logit(p), atol=1e-3)
    if len(labels) > 1:
        of_hair = np.asarray(given[output_name(HAIR)]).mean(axis=(1, 2))
        logits = of_hair + np.array([-0.2, 0.0, 0.1]) * 1.4 + np.array([0.1, 0.2, 0.3])
        expected = keras.ops.softmax(np.float32(logits))
        np.testing.assert_allclose(given["p_hair"], expected, atol=1e-4)


def test_a_field_gives_what_its_own_features_do(model_of: Callable[[str], TransferModel]) -> None:
    """A head that looks at one field alone has a map with that field alone."""
    model, width = model_of("googlenet"), 480
    count = model.features(STAGES, GRID)
    head = model.head(HeadConfig(STAGES, GRID, 0, 0.0, FeatureStatistics.neutral(count)))
    kernel = np.zeros((count, 1), np.float32)
    kernel[6 * width : 7 * width] = 0.01  # row 1, column 2
    head.get_layer("logit").set_weights([kernel, np.zeros(1, np.float32)])
    calibration = [Calibration(slope=1.0, bias=(0.0,))]
    classifier = model.classifier(STAGES, head, [GENDER], calibration)
    given = with_activations(classifier, [GENDER], [1.0], GRID)(PIXELS)
    maps = np.asarray(given[output_name(GENDER)])[..., 0]
    assert (np.argwhere(maps.any(axis=0)) == [[1, 2]]).all() and maps[:, 1, 2].all()
