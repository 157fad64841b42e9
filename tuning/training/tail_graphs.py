"""The graphs of a tail: a training step and its logits, made once for all trials of its form.

Whatever differs between trials is a variable or an input: weights, learning rate, dropout rate. So
neither time nor memory is spent on graphs that have been made before, and what Adam needs lies in
the same memory for each trial.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple
from weakref import WeakKeyDictionary

import keras
import tensorflow as tf

from tuning.backbones.head_features import STANDARDIZE, FeatureStatistics
from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.runs.schema import Hyperparameters
from tuning.training import tail_weights
from tuning.training.batches import Examples
from tuning.training.loss import LabelLoss
from tuning.training.optimizer import TrainedVariable, average, take_step

_FLOAT16_SCALE = 1024.0  # of the loss, so that small gradients do not vanish

Rows = Literal["activations", "pixels", "features"]
"""What a tail is fed."""


class Form(NamedTuple):
    """What the graphs of a tail depend on.

    Attributes:
        stages: Number of stages in front of the head.
        depth: Number of these that train.
        grid: Side of the head's grid.
        units: Width of the head's hidden layer, 0 for none.
        width: Number of the head's logits.
        rows: What it is fed: activations at its cut, images, or standardized features of its head.
    """

    stages: int
    depth: int
    grid: int
    units: int
    width: int
    rows: Rows

    @classmethod
    def of(cls, hyperparameters: Hyperparameters, width: int, examples: Examples) -> Form:
        """Return the form of a trial's tail.

        Args:
            hyperparameters: Those of the trial.
            width: Number of the head's logits.
            examples: Activations at its cut, images, or features, which the tail is fed.
        """
        chosen = hyperparameters
        rows = _kind(examples)
        return cls(chosen.stages, chosen.depth, chosen.grid, chosen.head_units, width, rows)


def _kind(examples: Examples) -> Rows:
    if examples.are_pixels:
        return "pixels"
    return "features" if len(examples.views[0].shape) == 2 else "activations"


class StepInputs(NamedTuple):
    """What a step needs besides its batch, all scalars but the seed, float32.

    Attributes:
        learning_rate: Learning rate of the step.
        dropout: Dropout rate before each dense layer, 0..1.
        step: Number of the step, from 1.
        seed: Seed of the dropout, int32 [2].
    """

    learning_rate: tf.Tensor
    dropout: tf.Tensor
    step: tf.Tensor
    seed: tf.Tensor


Step = Callable[[tf.Tensor, tf.Tensor, StepInputs], tf.Tensor]
"""Takes a step on a batch's rows and codes, and returns its mean loss, float32."""


class Dropout(NamedTuple):
    """Dropout (Srivastava et al., 2014) whose rate and seed are inputs of a graph.

    Attributes:
        rate: Share of the numbers that are set to 0, float32.
        seed: Seed of a step, int32 [2].
    """

    rate: tf.Tensor
    seed: tf.Tensor

    def __call__(self, x: tf.Tensor, place: int) -> tf.Tensor:
        """Drop numbers, and enlarge the others so that their mean stays.

        Args:
            x: Activations, float32 [n, F].
            place: Number of the place in the network, each of which drops others.
        """
        return tf.nn.experimental.stateless_dropout(x, self.rate, tf.add(self.seed, [place, 0]))


class SharedVariables:
    """The variables of Adam for the weights of one model, made when a tail first trains a weight.

    Tails share them: a training puts its state in at its beginning and takes it out at its end.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, tuple[int, ...]], tuple[tf.Variable, ...]] = {}

    def of(self, name: str, weight: tf.Variable) -> TrainedVariable:
        """Return a weight with the variables that belong to it.

        Args:
            name: Name of the weight.
            weight: Its variable; heads have others of the same name.
        """
        key = (name, tuple(weight.shape))
        if key not in self._made:
            self._made[key] = tuple(
                tf.Variable(tf.zeros(weight.shape), trainable=False) for _ in range(3)
            )
        return TrainedVariable(weight, *self._made[key])


class TailGraphs:
    """A tail with its graphs.

    Args:
        model: Backbone with pretrained weights, whose layers the tail shares.
        form: Form of the tail.
        shared: Variables of Adam of the model's weights.

    Attributes:
        tail: Model from the activation at the cut to the logits.
        trained: Weights that are trained, by name.
        logits: Graph of the forward pass: rows [n, ...] -> logits, float32 [n, width]. A tail that
            is fed pixels takes activations at its cut as well.
        average: Graph that moves the averages towards the weights by a share of the difference.
    """

    def __init__(self, model: TransferModel, form: Form, shared: SharedVariables) -> None:
        head = model.head(_neutral(model, form))
        cut = form.stages - form.depth
        self.tail = model.tail(form.stages, form.depth, head)
        self._trunk = model.trunk([cut]) if form.rows == "pixels" and cut else None
        self._body = model.trunk([form.stages], start=cut) if form.depth else None
        features = keras.Model(head.input, head.get_layer(STANDARDIZE).output)
        self._features = None if form.rows == "features" else features
        self._hidden = head.get_layer("hidden") if form.units else None
        self._logit = head.get_layer("logit")
        self._scale = _FLOAT16_SCALE if model.precision == "mixed_float16" else 1.0
        self.trained = {
            name: shared.of(name, variable.value)
            for name, variable in tail_weights.variables(self.tail).items()
            if variable.trainable
        }
        self.logits = tf.function(self._predicted, reduce_retracing=True)
        self.average = tf.function(lambda share: average(list(self.trained.values()), share))
        self._steps: dict[LabelLoss, Step] = {}

    def step(self, loss: LabelLoss) -> Step:
        """Return the graph of a training step on all devices of the scope.

        Args:
            loss: What is minimized.
        """
        if loss not in self._steps:
            self._steps[loss] = tf.function(partial(self._on_devices, loss), reduce_retracing=True)
        return self._steps[loss]

    def _on_devices(
        self, loss: LabelLoss, rows: tf.Tensor, codes: tf.Tensor, inputs: StepInputs
    ) -> tf.Tensor:
        strategy = tf.distribute.get_strategy()
        losses = strategy.run(partial(self._on_device, loss), (rows, codes, inputs))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)

    def _on_device(
        self, loss_of: LabelLoss, rows: tf.Tensor, codes: tf.Tensor, inputs: StepInputs
    ) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        seed = tf.add(inputs.seed, [0, context.replica_id_in_sync_group])
        trained = list(self.trained.values())
        rows = self._at_cut(rows)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.weight for variable in trained])
            logits = self._network(rows, Dropout(inputs.dropout, seed))
            loss = tf.reduce_mean(loss_of(codes, logits))
            scaled = loss * (self._scale / context.num_replicas_in_sync)
        gradients = tape.gradient(scaled, [variable.weight for variable in trained])
        take_step(trained, self._unscaled(gradients), inputs.learning_rate, inputs.step)
        return loss

    def _predicted(self, rows: tf.Tensor) -> tf.Tensor:
        return self._network(self._at_cut(rows))

    def _at_cut(self, rows: tf.Tensor) -> tf.Tensor:
        if self._trunk is None or rows.dtype != tf.uint8:
            return rows
        return _only(self._trunk(rows, training=False))

    def _network(self, rows: tf.Tensor, dropped: Dropout | None = None) -> tf.Tensor:
        """Logits; those of a training step where there is dropout."""
        if self._body is not None:
            rows = tf.cast(rows, self._body.input.dtype)
            rows = _only(self._body(rows, training=False))
        x = tf.cast(rows, tf.float32)
        if self._features is not None:
            x = self._features(x, training=False)
        x = dropped(x, 0) if dropped else x
        if self._hidden is not None:
            x = self._hidden(x)
            x = dropped(x, 1) if dropped else x
        return self._logit(x)

    def _unscaled(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Gradients of the loss itself; in float16 none of a step where one is not finite."""
        if self._scale == 1.0:
            return gradients
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
        return [tf.where(finite, g / self._scale, tf.zeros_like(g)) for g in gradients]


def _neutral(model: TransferModel, form: Form) -> HeadConfig:
    """A head whose weights are put in later."""
    statistics = FeatureStatistics.neutral(model.features(form.stages, form.grid))
    bias = (0.0,) * form.width
    return HeadConfig(form.stages, form.grid, form.units, 0.0, statistics, bias)


def _only(outputs: object) -> tf.Tensor:
    [output] = keras.tree.flatten(outputs)
    return output


@dataclass(frozen=True)
class _Made:
    tails: dict[Form, TailGraphs] = field(default_factory=dict)
    shared: SharedVariables = field(default_factory=SharedVariables)


_MADE: WeakKeyDictionary[TransferModel, _Made] = WeakKeyDictionary()


def tail_graphs(model: TransferModel, form: Form) -> TailGraphs:
    """Return the graphs of a tail, made when they are first asked for.

    Args:
        model: Backbone with pretrained weights; what it shares with the tail is trained in place.
        form: Form of the tail.
    """
    made = _MADE.setdefault(model, _Made())
    if form not in made.tails:
        made.tails[form] = TailGraphs(model, form, made.shared)
    return made.tails[form]
