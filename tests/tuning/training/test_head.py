from collections.abc import Callable

import keras
import numpy as np
import pytest
from small_search import separable, training_data

from data import GENDER, Label
from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.training.early_stopping import Validation
from tuning.training.head import fit_head
from tuning.training.loss import KerasLoss
from tuning.training.schedule import TrainingConfig

HAIR = Label(name="hair", classes=("fair", "brown", "black"))


@pytest.mark.parametrize("labels", [(GENDER,), (HAIR,), (GENDER, HAIR)], ids=len)
def test_one_step_is_keras_adam_on_the_same_loss(
    labels: tuple[Label, ...], model_of: Callable[[str], TransferModel]
) -> None:
    """The head's own loop against `fit`, without dropout and shuffling."""
    model = model_of("googlenet")
    examples = separable(32, model.features, labels)
    data = training_data(examples, examples, labels)
    config = HeadConfig(8, 0.0, data.statistics, tuple(data.loss.prior))
    heads = [model.head(config) for _ in range(2)]
    heads[1].set_weights(heads[0].get_weights())
    training = TrainingConfig(0, 32, 1e-3, 4)
    watch = Validation(labels, examples.codes, 4, 9)
    fit_head(heads[0], 0.0, data, training, np.random.default_rng(0), watch)
    heads[1].compile(keras.optimizers.Adam(training.schedule(1)), KerasLoss(data.loss))
    features = examples.views[0][0].astype(np.float32)
    heads[1].fit(features, examples.codes, batch_size=32, epochs=4, shuffle=False, verbose=0)
    for ours, theirs in zip(heads[0].get_weights(), heads[1].get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
