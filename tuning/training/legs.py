"""A training of a backbone's last stages that goes on in legs, from a closed-form head on.

The head is solved first, so that fine-tuning bends the features as little as it must (Kumar et
al., 2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution"). A
training can go on or end behind any leg, see `loop`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from data.progress import ProgressCallback
from tuning.backbones.transfer_model import TransferModel
from tuning.runs.schema import Hyperparameters, Leg
from tuning.training import tail_weights
from tuning.training.batches import TrainingData
from tuning.training.checkpoint import Checkpoint
from tuning.training.loop import Loop, LoopConfig, beginning
from tuning.training.predictions import predict_logits
from tuning.training.tail_graphs import Form, tail_graphs
from tuning.training.tail_weights import TailWeights
from tuning.training.validation import improved, scored

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class LegConfig:
    """A part of a training.

    Attributes:
        images: Number of training images to see; the last batch is a whole one.
        seconds: Time after which it ends early; one batch is trained on at any rate.
        seed: Seed of order, views and dropout, the same for all legs of a training.
        start: Weights of the tail with which the training began, or those of a shallower one: a
            head's at least. What they lack is pretrained.
        checkpoint: State behind the leg before, None for the first one.
    """

    images: int
    seconds: float
    seed: int
    start: TailWeights
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, eq=False)
class LegOutcome:
    """What came of a leg.

    Attributes:
        checkpoint: All that is needed to go on.
        tail: Averaged weights of the whole tail, None where an earlier leg was better.
        leg: Figures of the leg.
    """

    checkpoint: Checkpoint
    tail: TailWeights | None
    leg: Leg


def fit_leg(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    leg: LegConfig,
    progress: ProgressCallback | None = None,
) -> LegOutcome:
    """Train a tail for a leg, and score the averaged weights behind it.

    In the scope of several devices these share larger batches, see `devices.SharedBatch`.

    Args:
        model: Backbone with pretrained weights, made in the same scope; its layers are trained in
            place, and `restore` brings them back.
        hyperparameters: Hyperparameters of the training, at a depth of 1 or more.
        data: Examples at the cut, or images, to learn from and to score on; there may be more of
            them than in the leg before.
        leg: Where to go on, and for how long.
        progress: Called with the number of images that were seen in this leg, and of all of it.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    started = time.perf_counter()
    chosen = hyperparameters
    graphs = tail_graphs(model, Form.of(chosen, data.loss.width, data.train))
    model.restore()
    tail_weights.put(graphs.tail, leg.start)
    before = leg.checkpoint or beginning(graphs)
    config = LoopConfig(chosen.learning_rate, BATCH_SIZE, chosen.dropout, leg.seed)
    loop = Loop(graphs, data, config, before)
    loss = loop.run(leg.images, started + leg.seconds, progress)
    with loop.averaged():
        figures = scored(
            data.loss.labels, data.val.codes, predict_logits(graphs.logits, data.val),
            leg=len(before.history) + 1, images=loop.images, loss=loss,
            seconds=time.perf_counter() - started,
        )  # fmt: skip
        history = (*before.history, figures)
        tail = tail_weights.of(graphs.tail) if improved(history) else None
    return LegOutcome(loop.checkpoint(history), tail, figures)
