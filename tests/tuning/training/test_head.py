from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
from small_search import separable, training_data

from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.training.early_stopping import Validation
from tuning.training.head import fit_head
from tuning.training.schedule import TrainingConfig


def test_one_step_is_keras_adam_on_the_smoothed_loss(
    model_of: Callable[[str], TransferModel],
) -> None:
    """The head's own loop against `fit`, without dropout and shuffling, with unequal weights."""
    model = model_of("googlenet")
    weights = np.where(np.arange(32) % 3 == 0, 2.5, 0.25).astype(np.float32)
    examples = replace(separable(32, model.features), sample_weights=weights)
    data = training_data(examples, examples)
    heads = [model.head(HeadConfig(8, 0.0, data.statistics)) for _ in range(2)]
    heads[1].set_weights(heads[0].get_weights())
    config = TrainingConfig(0, 32, 1e-3, 4)
    watch = Validation(examples.labels, 4, 9)
    fit_head(heads[0], 0.0, data, config, np.random.default_rng(0), watch)
    heads[1].compile(
        keras.optimizers.Adam(config.schedule(1)),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.05),
    )
    features = examples.views[0][0].astype(np.float32)
    heads[1].fit(
        features, examples.labels, sample_weight=weights, batch_size=32, epochs=4, shuffle=False,
        verbose=0,
    )  # fmt: skip
    for ours, theirs in zip(heads[0].get_weights(), heads[1].get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
