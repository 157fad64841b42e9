"""A study's winner: the best tail in its whole model, calibrated, scored and saved."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from data import Label, attributes
from data.atomic import replacing, write_text
from data.labels import (
    MISSING,
    by_output,
    class_slices,
    code_columns,
    codes_of,
    decisions,
    from_outputs,
    to_table,
)
from data.manifest import DATASET
from data.progress import ProgressCallback
from data.rows import Rows
from data.splits import number_people
from tuning import metrics
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.image_batches import map_batches
from tuning.metrics import (
    cross_fitted,
    fit_calibrations,
    logits_of,
    operating_point,
    probabilities,
    subgroups,
)
from tuning.runs.schema import (
    Calibration,
    Hyperparameters,
    LabelFacts,
    Scores,
    Subgroup,
    TestScores,
    TrialRecord,
    ValScores,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.search.context import SearchContext, StepContext
from tuning.training import predictions, tail_weights
from tuning.training.batches import Examples
from tuning.training.tail_weights import TailWeights

_BATCH_SIZE = 64
_CHECKED = 64  # images that the whole model predicts as well
_TOLERANCE = 0.02  # of a probability: activations are kept in float16
_TOLERANCE_OF_HALF = 0.05  # where they are computed in half precision as well
_WARM_UP, _CALLS = 3, 15


HELD_OUT = ("val", "test")
"""The splits whose images a winner is evaluated on."""


@dataclass(frozen=True)
class Evaluation:
    """A winner's whole model, and what it says of validation and test images.

    Attributes:
        uncalibrated_p: Class probabilities before calibration, float64 [n, K].
        model: The calibrated float32 model, as a `.keras` file holds it.
        latency_ms: Median time of Keras for one image, ms.
        parameters: Number of the model's weights.
    """

    uncalibrated_p: np.ndarray
    model: bytes
    latency_ms: float
    parameters: int


def evaluate(
    context: StepContext,
    model: TransferModel,
    exact: TransferModel,
    hyperparameters: Hyperparameters,
    weights: TailWeights,
    held_out: Mapping[str, Examples],
    progress: ProgressCallback,
) -> Evaluation:
    """Predict validation and test images by a tail, calibrate it, and make the whole model.

    The tail predicts from cached activations, in the search's precision; the whole float32 model
    from pixels, as it is saved and served, must say the same of a sample of the images, or else it
    predicts all of them.

    Args:
        context: Images and labels of the run.
        model: Model in the search's precision, with pretrained weights.
        exact: The same in float32; the same object where that is the search's precision.
        hyperparameters: Where the tail begins and what its head is.
        weights: Weights of the tail.
        held_out: Activations at the cut, or images, of each split of `HELD_OUT`.
        progress: Called with the number of images done and of all.
    """
    labels, store = context.labels, context.store
    rows = held_out_rows(store.manifest)
    p = _by_split(rows, _predicted(labels, model, hyperparameters, weights, held_out, progress))
    assembled = _Assembled(exact, hyperparameters, weights, labels)
    said = HeldOut.calibrated(labels, rows, p)
    classifier = assembled.classifier(said.calibrations)
    tolerance = _TOLERANCE if model is exact else _TOLERANCE_OF_HALF
    if not _agree(classifier, labels, store.images, rows, said.p, tolerance):
        p = predict(assembled.classifier(), labels, store.images, rows.index.to_numpy(), progress)
        classifier = assembled.classifier(HeldOut.calibrated(labels, rows, p).calibrations)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "winner.keras")
        classifier.save(path)
        content = path.read_bytes()
    return Evaluation(
        p, content, latency_ms(classifier, store.images[:1]), classifier.count_params()
    )


def _predicted(
    labels: Sequence[Label],
    model: TransferModel,
    hyperparameters: Hyperparameters,
    weights: TailWeights,
    held_out: Mapping[str, Examples],
    progress: ProgressCallback,
) -> dict[str, np.ndarray]:
    """Class probabilities of each split's images by the tail, float64 [n, K]."""
    total, done, result = sum(map(len, held_out.values())), 0, {}
    for split, examples in held_out.items():
        logits = predictions.predict(model, hyperparameters, weights, examples)
        result[split] = probabilities(labels, logits)
        progress(done := done + len(examples), total)
    return result


def _by_split(rows: pd.DataFrame, p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Put the predictions of each split in the order of the rows."""
    split = rows["split"].to_numpy()
    result = np.empty((len(rows), p[HELD_OUT[0]].shape[1]))
    for name in HELD_OUT:
        result[split == name] = p[name]
    return result


def _agree(
    classifier: keras.Model,
    labels: Sequence[Label],
    images: Rows,
    rows: pd.DataFrame,
    p: np.ndarray,
    tolerance: float,
) -> bool:
    """Whether the whole model says of a sample of the images what the tail says."""
    sample = np.unique(np.linspace(0, len(rows) - 1, _CHECKED).astype(int))
    whole = predict(classifier, labels, images, rows.index.to_numpy()[sample])
    return bool(np.abs(whole - p[sample]).max() <= tolerance)


class _Assembled:
    """A tail in its model; training it would train the whole."""

    def __init__(
        self,
        model: TransferModel,
        chosen: Hyperparameters,
        weights: TailWeights,
        labels: Sequence[Label],
    ) -> None:
        self._model, self._chosen, self._labels = model, chosen, labels
        width = sum(label.width for label in labels)
        neutral = FeatureStatistics.neutral(model.features(chosen.stages, chosen.grid))
        config = HeadConfig(  # trained weights are loaded, as statistics are
            chosen.stages, chosen.grid, chosen.head_units, chosen.dropout, neutral, (0.0,) * width
        )
        model.restore()
        self._head = model.head(config)
        tail_weights.put(model.tail(chosen.stages, chosen.depth, self._head), weights)

    def classifier(self, calibrations: Sequence[Calibration] | None = None) -> keras.Model:
        """The whole model, from uint8 RGB [N, size, size, 3] to the labels' probabilities."""
        calibrations = calibrations or [*map(Calibration.none, self._labels)]
        return self._model.classifier(self._chosen.stages, self._head, self._labels, calibrations)


def save_winner(
    context: SearchContext,
    backbone: str,
    weights: WeightsOrigin,
    trial: TrialRecord,
    evaluation: Evaluation,
) -> WinnerFacts:
    """Write a winner, its predictions and its facts, in this order.

    The facts of the winner before go first: a kill in between leaves none, and not two mixed.

    Args:
        context: Run, data and labels.
        backbone: Name of the backbone.
        weights: Pretrained weights that it started from.
        trial: Trial that its weights are from.
        evaluation: Its whole model and predictions.

    Returns:
        What is known about the winner, as it is written beside it.

    Raises:
        OSError: The winner cannot be written.
    """
    run, result = context.run, trial.result
    assert result is not None, "it has been evaluated"
    held_out = held_out_rows(context.store.manifest)
    of_images = HeldOut.calibrated(context.labels, held_out, evaluation.uncalibrated_p)
    run.winner_facts(backbone).unlink(missing_ok=True)
    with replacing(run.winner(backbone)) as new:
        new.write_bytes(evaluation.model)
    facts = WinnerFacts(
        backbone=backbone,
        trial=trial.trial,
        hyperparameters=result.hyperparameters,
        score=result.score,
        size=context.settings.size,
        weights=weights,
        labels=of_images.facts(),
        latency_ms=evaluation.latency_ms,
        parameters=evaluation.parameters,
        bytes=len(evaluation.model),
        history=result.history,
        seconds=result.seconds,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        trained=result.trained,
    )
    write_text(run.predictions(backbone), of_images.table().to_csv(index=False))
    run.write_winner(facts)
    return facts


def held_out_rows(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of validation and test images.

    Args:
        manifest: Manifest of a run.
    """
    return manifest[manifest["split"].isin(["val", "test"])]


def predict(
    classifier: keras.Model,
    labels: Sequence[Label],
    images: Rows,
    rows: np.ndarray,
    progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Predict the class probabilities of some images.

    Args:
        classifier: Whole model from pixels, as `assemble` makes it.
        labels: Labels that it predicts.
        images: Images, uint8 [N, size, size, 3].
        rows: Rows of these images to take, int [n].
        progress: Called with the number of images done and of all.

    Returns:
        float64 [n, K].

    Example:
        >>> from data import GENDER
        >>> image = keras.Input((2, 2, 3))
        >>> pooled = keras.layers.GlobalAveragePooling2D()(image)
        >>> model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(pooled))
        >>> predict(model, [GENDER], np.zeros((5, 2, 2, 3), np.uint8), np.array([0, 4])).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    parts = map_batches(classifier.predict_on_batch, images, rows, _BATCH_SIZE, progress)
    outputs = (list(by_output(labels, part).values()) for part in parts)
    return np.concatenate([from_outputs(labels, of_part) for of_part in outputs])


def latency_ms(classifier: keras.Model, image: np.ndarray) -> float:
    """Measure the time of Keras for one image at a time, warmed up.

    Args:
        classifier: Whole model from pixels, as `assemble` makes it.
        image: One image, uint8 [1, size, size, 3].

    Returns:
        Median, ms.

    Example:
        >>> image = keras.Input((2, 2, 3))
        >>> pooled = keras.layers.GlobalAveragePooling2D()(image)
        >>> model = keras.Model(image, keras.layers.Dense(1)(pooled))
        >>> latency_ms(model, np.zeros((1, 2, 2, 3), np.uint8)) > 0
        True
    """
    seconds = []
    for _ in range(_WARM_UP + _CALLS):
        started = time.perf_counter()
        classifier.predict_on_batch(image)
        seconds.append(time.perf_counter() - started)
    return 1e3 * float(np.median(seconds[_WARM_UP:]))


@dataclass(frozen=True)
class HeldOut:
    """Predictions for validation and test images.

    Attributes:
        labels: The L labels that are predicted.
        manifest: Rows of the images.
        uncalibrated_p: Class probabilities before calibration, float64 [N, K].
        p: Class probabilities after it, float64 [N, K].
        calibrations: Calibration of each label.

    Example:
        >>> from data import GENDER
        >>> manifest = pd.DataFrame({"label": [0, 1] * 4, "split": ["val"] * 4 + ["test"] * 4})
        >>> manifest["identity"] = None
        >>> p = np.array([[0.8, 0.2], [0.4, 0.6], [0.6, 0.4], [0.3, 0.7]] * 2)
        >>> held_out = HeldOut.calibrated([GENDER], manifest, p)
        >>> held_out.facts()[0].test.accuracy
        1.0
    """

    labels: tuple[Label, ...]
    manifest: pd.DataFrame
    uncalibrated_p: np.ndarray
    p: np.ndarray
    calibrations: tuple[Calibration, ...]

    @classmethod
    def calibrated(cls, labels: Sequence[Label], manifest: pd.DataFrame, p: np.ndarray) -> HeldOut:
        """Fit the calibrations on the validation images.

        Args:
            labels: The labels that are predicted.
            manifest: Rows of the images, with splits and codes.
            p: Class probabilities before calibration, float [N, K].
        """
        val = (manifest["split"] == "val").to_numpy()
        codes, logits = codes_of(manifest)[val], logits_of(labels, p)
        calibrations = fit_calibrations(labels, codes, logits[val])
        after = probabilities(labels, logits, calibrations)
        return cls(tuple(labels), manifest, p, after, calibrations)

    def facts(self) -> tuple[LabelFacts, ...]:
        """Return calibration, operating point and figures of each label."""
        val = (self.manifest["split"] == "val").to_numpy()
        codes, people = codes_of(self.manifest)[val], self._people()[val]
        fair = self.p.copy()
        fair[val] = cross_fitted(self.labels, codes, self.p[val], people)
        return tuple(self._facts(number, fair) for number in range(len(self.labels)))

    def table(self) -> pd.DataFrame:
        """Return row of the run's manifest, split, codes and probabilities of each image."""
        codes = self.manifest[["split", *code_columns(self.labels)]]
        p = to_table(self.labels, self.p).set_axis(codes.index)
        return pd.concat([codes, p], axis=1).rename_axis("row").reset_index()

    def _people(self) -> np.ndarray:
        return number_people(self.manifest["identity"])

    def _facts(self, number: int, fair: np.ndarray) -> LabelFacts:
        """Figures of a label; of validation images by what other people calibrated."""
        label, at = self.labels[number], class_slices(self.labels)[number]
        split, codes = self.manifest["split"].to_numpy(), codes_of(self.manifest)[:, number]
        after, before, people = fair[:, at], self.uncalibrated_p[:, at], self._people()
        val, test = split == "val", split == "test"
        of = partial(self._scores, label, codes, people)
        return LabelFacts(
            label=label,
            calibration=self.calibrations[number],
            operating_point=operating_point(codes[val], after[val], people[val]),
            val=ValScores(**dict(of(after, val)), uncalibrated=of(before, val)),
            test=TestScores(
                **dict(of(after, test)),
                uncalibrated=of(before, test),
                subgroups=self._subgroups(test & (codes != MISSING), codes, after, people),
                datasets=self._by_dataset(test, partial(of, after)),
            ),
        )

    @staticmethod
    def _scores(
        label: Label, codes: np.ndarray, people: np.ndarray, p: np.ndarray, rows: np.ndarray
    ) -> Scores:
        return metrics.evaluate(label, codes[rows], p[rows], people[rows])

    def _subgroups(
        self, rows: np.ndarray, codes: np.ndarray, p: np.ndarray, people: np.ndarray
    ) -> tuple[Subgroup, ...]:
        correct = decisions(p[rows]) == codes[rows]
        return subgroups(self.manifest[rows], attributes(self.manifest), correct, people[rows])

    def _by_dataset(
        self, rows: np.ndarray, scores_of: Callable[[np.ndarray], Scores]
    ) -> dict[str, Scores]:
        if DATASET not in self.manifest:
            return {}
        names = self.manifest[DATASET].to_numpy()
        return {
            str(name): scores_of(of_set)
            for name in pd.unique(names)
            if (of_set := rows & (names == name)).any()
        }
