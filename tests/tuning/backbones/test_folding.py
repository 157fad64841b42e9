from collections.abc import Callable

import keras
import numpy as np
import pytest
from layer_by_layer import outputs_of

from tuning.backbones.folding import folded
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)


def with_random_statistics(model: TransferModel) -> dict[str, list[np.ndarray]]:
    """Weights as trained ones are: batch normalization that is not the identity."""
    random = np.random.default_rng(0)
    return {
        name: [random.uniform(0.5, 1.5, a.shape).astype(np.float32) for a in arrays]
        if name.endswith("_bn")
        else arrays
        for name, arrays in model.weights.layers.items()
    }


@pytest.mark.parametrize("name", BACKBONES)
def test_a_folded_trunk_computes_the_same(
    name: str, model_of: Callable[[str], TransferModel]
) -> None:
    model = model_of(name)
    weights = with_random_statistics(model)
    trunk = model.trunk([1, 3])
    for layer in trunk.layers:
        if layer.weights:
            layer.set_weights(weights[layer.name])
    expected = outputs_of(trunk, PIXELS)
    [deeper] = outputs_of(model.trunk([3], start=1), expected[0])
    for layer in trunk.layers:  # as a training leaves them
        layer.set_weights([weight + 1 for weight in layer.get_weights()])
    twin = folded(trunk, weights)
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in twin.layers)
    for found, plain in zip(outputs_of(twin, PIXELS), expected, strict=True):
        np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5 * np.abs(plain).max())
    [found] = outputs_of(folded(model.trunk([3], start=1), weights), expected[0])
    np.testing.assert_allclose(found, deeper, rtol=1e-4, atol=1e-5 * np.abs(deeper).max())
    for layer in trunk.layers:
        if layer.weights:
            layer.set_weights(model.weights.layers[layer.name])
