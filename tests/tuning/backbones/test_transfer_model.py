from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from data import GENDER, Label
from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.metrics import Calibration, probabilities

ModelOf = Callable[[str], TransferModel]


def images(count: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def head_of(model: TransferModel) -> keras.Model:
    statistics = FeatureStatistics(np.zeros(model.features), np.ones(model.features))
    return model.head(HeadConfig(8, 0.2, statistics))


@pytest.mark.parametrize("name", BACKBONES)
def test_trunk_then_tail_is_the_whole_model_at_every_depth(name: str, model_of: ModelOf) -> None:
    model = model_of(name)
    head = head_of(model)
    pixels = images(3)
    whole = model.classifier(head, [GENDER], [Calibration.none(GENDER)]).predict(pixels, verbose=0)
    depths = range(model.backbone.max_depth)
    activations = keras.tree.flatten(model.trunk(depths).predict(pixels, verbose=0))
    for depth, cut in zip((*depths, model.backbone.max_depth), (*activations, pixels), strict=True):
        logit = model.tail(depth, head).predict(cut, verbose=0)
        np.testing.assert_allclose(keras.ops.sigmoid(logit), whole, atol=2e-6)


def test_a_classifier_of_several_labels_has_an_output_for_each(model_of: ModelOf) -> None:
    model, hair = model_of("googlenet"), Label(name="hair", classes=("fair", "brown", "black"))
    statistics = FeatureStatistics(np.zeros(model.features), np.ones(model.features))
    head = model.head(HeadConfig(8, 0.2, statistics, bias=(0.0, 1.0, 2.0, 3.0)))
    pixels = images(3)
    features = model.trunk([0]).predict(pixels, verbose=0)
    logits = head.predict(keras.tree.flatten(features)[0], verbose=0)
    calibrations = [
        Calibration(slope=0.5, bias=(0.3,)), Calibration(slope=2.0, bias=(0.4, -0.1, -0.3))
    ]  # fmt: skip
    said = model.classifier(head, [GENDER, hair], calibrations).predict(pixels, verbose=0)
    assert list(said) == ["p_man", "p_hair"]
    expected = probabilities([GENDER, hair], logits, calibrations)
    np.testing.assert_allclose(said["p_man"], expected[:, 1:2], atol=2e-6)
    np.testing.assert_allclose(said["p_hair"], expected[:, 2:], atol=2e-6)


@pytest.mark.parametrize("name", BACKBONES)
def test_only_the_last_stages_train(name: str, model_of: ModelOf) -> None:
    model = model_of(name)
    head = head_of(model)
    counts = [
        len(model.tail(depth, head).trainable_weights)
        for depth in range(model.backbone.max_depth + 1)
    ]
    assert counts[0] == 4  # two dense layers
    assert counts == sorted(set(counts))
    everything = model.tail(model.backbone.max_depth, head)
    assert not any("batch_norm" in w.path or "_bn" in w.path for w in everything.trainable_weights)


@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_features_are_those_of_keras_applications(name: str, tmp_path: Path) -> None:
    backbone = BACKBONES[name]
    keras.utils.set_random_seed(1)
    application = getattr(keras.applications, backbone.title)(
        include_top=False, weights=None, pooling="avg"
    )
    application.save_weights(tmp_path / f"{name}.weights.h5")
    pixels = images(2)
    expected = application.predict(
        keras.applications.resnet50.preprocess_input(pixels.astype(np.float32)), verbose=0
    )
    model = TransferModel(backbone, 64, weights.load(backbone, str(tmp_path)))
    features = model.trunk([0]).predict(pixels, verbose=0)
    np.testing.assert_allclose(
        keras.tree.flatten(features)[0], expected, rtol=1e-3, atol=1e-4 * expected.max()
    )


def test_sizes_outside_the_range_are_refused(model_of: ModelOf) -> None:
    with pytest.raises(ValueError, match="size must be 64 to 224"):
        TransferModel(BACKBONES["vgg16"], 32, model_of("vgg16").weights)


def test_restore_brings_the_pretrained_weights_back(model_of: ModelOf) -> None:
    model = model_of("googlenet")
    before = keras.tree.flatten(model.trunk([0]).predict(images(1), verbose=0))[0]
    for weight in model.tail(1, head_of(model)).trainable_weights:
        weight.assign(weight + 0.1)
    changed = keras.tree.flatten(model.trunk([0]).predict(images(1), verbose=0))[0]
    assert np.abs(changed - before).max() > 0
    model.restore()
    after = keras.tree.flatten(model.trunk([0]).predict(images(1), verbose=0))[0]
    np.testing.assert_array_equal(after, before)


def test_dead_channels_do_not_blow_up() -> None:
    features = np.random.default_rng(0).random((50, 8)).astype(np.float32)
    features[:, 3] = 0.5
    statistics = FeatureStatistics.of(features)
    mean, variance = statistics.mean, statistics.variance
    assert mean.shape == variance.shape == (8,)
    assert variance[3] > 1e-4
