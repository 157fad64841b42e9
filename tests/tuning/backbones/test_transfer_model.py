from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_by_layer import outputs_of

from data import GENDER, Label
from tuning.backbones import weights
from tuning.backbones.head_features import FeatureStatistics, head_features
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import HeadConfig, TransferModel

ModelOf = Callable[[str], TransferModel]


def images(count: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def head_of(model: TransferModel, stages: int = 3, grid: int = 2, units: int = 8) -> keras.Model:
    statistics = FeatureStatistics.neutral(model.features(stages, grid))
    return model.head(HeadConfig(stages, grid, units, 0.2, statistics))


@dataclass
class Scaled:
    """A label's calibration."""

    slope: float = 1.0
    bias: tuple[float, ...] = (0.0,)


@pytest.mark.parametrize("name", BACKBONES)
def test_trunk_then_tail_is_the_classifier_from_every_cut(name: str, model_of: ModelOf) -> None:
    model, pixels = model_of(name), images(3)
    stages = model.backbone.attach[0]
    head = head_of(model, stages)
    [whole] = outputs_of(model.classifier(stages, head, [GENDER], [Scaled()]), pixels)
    at_cuts = outputs_of(model.trunk(range(stages + 1)), pixels)
    for cut, activation in enumerate(at_cuts):
        assert activation.shape[1:] == model.shape(cut)
        [logit] = outputs_of(model.tail(stages, stages - cut, head), activation)
        np.testing.assert_allclose(keras.ops.sigmoid(logit), whole, atol=2e-6)


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "googlenet"])  # the others are made alike
def test_a_pass_may_start_at_a_shallower_cut(name: str, model_of: ModelOf) -> None:
    model, pixels = model_of(name), images(2)
    deepest = len(model.backbone.stages)
    expected = outputs_of(model.trunk([deepest]), pixels)[0]
    for start in range(1, deepest):
        [at_start] = outputs_of(model.trunk([start]), pixels)
        [found] = outputs_of(model.trunk([deepest], start), at_start)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


@pytest.mark.parametrize("grid", [1, 2, 4])
def test_a_head_sees_the_features_that_numpy_computes(grid: int, model_of: ModelOf) -> None:
    model, stages = model_of("googlenet"), 2
    [maps] = outputs_of(model.trunk([stages]), images(6))
    features = head_features(maps, grid)
    assert features.shape == (6, model.features(stages, grid))
    statistics = FeatureStatistics.of(features)
    head = model.head(HeadConfig(stages, grid, 0, 0.2, statistics, (0.5, -1.0)))
    kernel, bias = head.get_layer("logit").get_weights()
    expected = statistics.standardize(features) @ kernel + bias
    np.testing.assert_allclose(head(maps), expected, rtol=1e-5, atol=1e-5)
    again = FeatureStatistics.of_head(head)
    np.testing.assert_array_equal(again.mean, statistics.mean)


def test_grids_divide_the_map_and_keep_heads_small(model_of: ModelOf) -> None:
    weights = model_of("vgg16").weights
    model = TransferModel(BACKBONES["vgg16"], 96, weights)
    assert model.shape(3) == (12, 12, 256) and model.shape(0) == (96, 96, 3)
    assert model.grids(3) == (1, 2, 3, 4, 6, 12)
    assert model.grids(2) == (1, 2, 3, 4, 6, 8, 12)  # of 24 x 24 x 128
    assert model.grids(5) == (1, 3)


@pytest.mark.parametrize("name", BACKBONES)
def test_heads_that_are_tried_first_sit_behind_stages(name: str) -> None:
    backbone = BACKBONES[name]
    assert len(set(backbone.attach)) == len(backbone.attach) >= 2
    assert all(1 <= stages <= len(backbone.stages) for stages in backbone.attach)
    assert backbone.layer_of(0) is None


def test_a_classifier_holds_nothing_behind_its_head(model_of: ModelOf) -> None:
    model = model_of("vgg16")
    whole = model.classifier(4, head_of(model, 4), [GENDER], [Scaled()])
    names = {layer.name for layer in whole.layers}
    assert "block4_pool" in names and not any(name.startswith("block5") for name in names)
    tail = model.tail(4, 1, head_of(model, 4))
    assert {v.path.split("/")[0] for v in tail.trainable_variables} == {
        *(f"block4_conv{number}" for number in (1, 2, 3)), "hidden", "logit",
    }  # fmt: skip


def test_a_saved_classifier_gives_the_same_probabilities(model_of: ModelOf, tmp_path: Path) -> None:
    model, pixels = model_of("resnet50"), images(2)
    whole = model.classifier(3, head_of(model, 3), [GENDER], [Scaled(1.7, (0.2,))])
    whole.save(tmp_path / "whole.keras")
    loaded = keras.models.load_model(tmp_path / "whole.keras")
    np.testing.assert_array_equal(loaded(pixels), whole(pixels))


def test_a_classifier_of_several_labels_has_an_output_for_each(model_of: ModelOf) -> None:
    model, hair = model_of("googlenet"), Label(name="hair", classes=("fair", "brown", "black"))
    statistics = FeatureStatistics.neutral(model.features(3, 2))
    head = model.head(HeadConfig(3, 2, 8, 0.2, statistics, bias=(0.0, 1.0, 2.0, 3.0)))
    pixels = images(3)
    logits = np.asarray(head(outputs_of(model.trunk([3]), pixels)[0]))
    calibration = [Scaled(0.5, (0.3,)), Scaled(2.0, (0.1, 0.0, -0.1))]
    said = model.classifier(3, head, [GENDER, hair], calibration)(pixels)
    assert list(said) == ["p_man", "p_hair"]
    of_man, of_hair = logits[:, :1] * 0.5 + 0.3, logits[:, 1:] * 2 + np.float32([0.1, 0.0, -0.1])
    np.testing.assert_allclose(said["p_man"], keras.ops.sigmoid(of_man), atol=2e-6)
    np.testing.assert_allclose(said["p_hair"], keras.ops.softmax(of_hair), atol=2e-6)


@pytest.mark.parametrize("name", BACKBONES)
def test_only_the_last_stages_train(name: str, model_of: ModelOf) -> None:
    model, stages = model_of(name), 3
    head = head_of(model, stages)
    tails = [model.tail(stages, depth, head) for depth in range(stages + 1)]
    counts = [len(tail.trainable_weights) for tail in tails]
    assert counts[0] == 4  # two dense layers
    assert counts == sorted(set(counts))
    assert not any("batch_norm" in w.path or "_bn" in w.path for w in tails[-1].trainable_weights)


def test_gradients_of_empty_fields_are_finite(model_of: ModelOf) -> None:
    model = model_of("googlenet")
    head, maps = head_of(model, 3, 2), tf.zeros((1, 2, 2, 832))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        loss = tf.reduce_sum(head(maps))
    assert np.isfinite(tape.gradient(loss, maps)).all()


def test_heads_compute_in_float32_behind_any_precision(model_of: ModelOf) -> None:
    weights = model_of("googlenet").weights
    half = TransferModel(BACKBONES["googlenet"], 64, weights, "mixed_bfloat16")
    head = head_of(half, 2, 4)
    assert {layer.compute_dtype for layer in head.layers} == {"float32"}
    [activation] = keras.tree.flatten(half.trunk([1])(images(2)))
    assert activation.dtype == tf.bfloat16
    assert half.tail(2, 1, head)(activation).dtype == tf.float32


@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_features_are_those_of_keras_applications(name: str, tmp_path: Path) -> None:
    backbone = BACKBONES[name]
    keras.utils.set_random_seed(1)
    application = getattr(keras.applications, backbone.title)(
        include_top=False, weights=None, pooling="avg"
    )
    application.save_weights(tmp_path / f"{name}.weights.h5")
    pixels = images(2)
    prepared = keras.applications.resnet50.preprocess_input(pixels.astype(np.float32))
    [expected] = outputs_of(application, prepared)
    model = TransferModel(backbone, 64, weights.load(backbone, str(tmp_path)))
    [maps] = outputs_of(model.trunk([len(backbone.stages)]), pixels)
    pooled = maps.mean(axis=(1, 2))
    np.testing.assert_allclose(pooled, expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_sizes_outside_the_range_are_refused(model_of: ModelOf) -> None:
    with pytest.raises(ValueError, match="size must be 64 to 224"):
        TransferModel(BACKBONES["vgg16"], 32, model_of("vgg16").weights)


def test_restore_brings_the_pretrained_weights_back(model_of: ModelOf) -> None:
    model = model_of("googlenet")
    [before] = outputs_of(model.trunk([3]), images(1))
    for weight in model.tail(3, 1, head_of(model)).trainable_weights:
        weight.assign(weight + 0.1)
    [changed] = outputs_of(model.trunk([3]), images(1))
    assert np.abs(changed - before).max() > 0
    model.restore()
    [after] = outputs_of(model.trunk([3]), images(1))
    np.testing.assert_array_equal(after, before)
