"""How a training goes: batches, epochs, and the learning rate of each step."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

LABEL_SMOOTHING = 0.05
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
_WARM_UP_SHARE = 0.1


@dataclass(frozen=True)
class TrainingConfig:
    """How one network is trained.

    Attributes:
        depth: Fine-tuning depth of the activations that it is trained on.
        batch_size: Number of examples in a step.
        learning_rate: Learning rate at the end of the warm-up, the highest of all steps.
        epochs: Number of epochs, if it is not stopped early.

    Example:
        >>> config = TrainingConfig(depth=0, batch_size=32, learning_rate=1e-3, epochs=2)
        >>> [round(float(rate), 5) for rate in config.learning_rates(batches=5)][:3]
        [0.0, 0.001, 0.00097]
    """

    depth: int
    batch_size: int
    learning_rate: float
    epochs: int

    def learning_rates(self, batches: int) -> np.ndarray:
        """Return the learning rate of each step as `schedule` gives it.

        Args:
            batches: Number of steps in an epoch.

        Returns:
            float32 [epochs * batches].
        """
        steps, warm_up = self._steps(batches)
        step = np.arange(steps)
        decay = (1 + np.cos(np.pi * np.clip((step - warm_up) / (steps - warm_up), 0, 1))) / 2
        rates = self.learning_rate * np.where(step < warm_up, step / warm_up, decay)
        return rates.astype(np.float32)

    def schedule(self, batches: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return a linear warm-up to the peak, then a cosine decay to zero, for Keras.

        Args:
            batches: Number of steps in an epoch.
        """
        steps, warm_up = self._steps(batches)
        return keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=self.learning_rate, warmup_steps=warm_up
        )

    def _steps(self, batches: int) -> tuple[int, int]:
        steps = max(2, self.epochs * batches)
        return steps, max(1, int(_WARM_UP_SHARE * steps))
