"""How a training goes: batches, epochs, and the learning rate of each step."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

LABEL_SMOOTHING = 0.05
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
PREDICT_BATCH_SIZE = 128
_WARM_UP_SHARE = 0.1


@dataclass(frozen=True)
class Phase:
    """One training.

    Attributes:
        depth: fine-tuning depth of the activations.
        batch: examples a step.
        rate: peak learning rate.
        epochs: most.
    """

    depth: int
    batch: int
    rate: float
    epochs: int

    def rates(self, batches: int) -> np.ndarray:
        """The rate of each step, float32 [epochs * batches], as `schedule` gives it."""
        steps, warm_up = self._steps(batches)
        step = np.arange(steps)
        decay = (1 + np.cos(np.pi * np.clip((step - warm_up) / (steps - warm_up), 0, 1))) / 2
        rates = self.rate * np.where(step < warm_up, step / warm_up, decay)
        return rates.astype(np.float32)

    def schedule(self, batches: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Linear warm-up to the peak rate, then cosine decay to zero, for Keras."""
        steps, warm_up = self._steps(batches)
        return keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=self.rate, warmup_steps=warm_up
        )

    def _steps(self, batches: int) -> tuple[int, int]:
        steps = max(2, self.epochs * batches)
        return steps, max(1, int(_WARM_UP_SHARE * steps))
