"""A study's winner: the best tail in its whole model, calibrated, scored and saved."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from data import ImageStore, Label, attributes
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
    LabelFacts,
    Origin,
    Scores,
    Subgroup,
    TestScores,
    TrialResult,
    ValScores,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.search.context import SearchContext

_BATCH_SIZE = 64
_WARM_UP, _CALLS = 3, 15


@dataclass(frozen=True)
class SavedTail:
    """A trained tail on disk, and what it takes to make the whole model from it.

    Attributes:
        result: What the training reached; its hyperparameters say where the tail begins and what
            its head is.
        weights: Path of the tail's weights, HDF5.
    """

    result: TrialResult
    weights: Path


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


@dataclass(frozen=True)
class TrainedOn:
    """Which training a winner is from.

    Attributes:
        origin: Whether its weights are the best trial's or the refit's.
        searched: Number of training images that the trials worked on.
        trained: Number of training images that the winner has seen.
    """

    origin: Origin
    searched: int
    trained: int


def evaluate(
    store: ImageStore,
    labels: Sequence[Label],
    model: TransferModel,
    tail: SavedTail,
    progress: ProgressCallback,
) -> Evaluation:
    """Calibrate on validation images, predict these and the test images.

    Everything is measured on the whole float32 model from pixels, as it is saved and served.

    Args:
        store: Images of the run.
        labels: Labels that the tail has learned.
        model: Model in float32, with pretrained weights.
        tail: Best of trials and refit.
        progress: Called with the number of images done and of all.
    """
    held_out = held_out_rows(store.manifest)
    uncalibrated = assemble(model, tail, labels)
    p = predict(uncalibrated, labels, store.images, held_out.index.to_numpy(), progress)
    calibrations = HeldOut.calibrated(labels, held_out, p).calibrations
    classifier = assemble(model, tail, labels, calibrations)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "winner.keras")
        classifier.save(path)
        content = path.read_bytes()
    return Evaluation(
        p, content, latency_ms(classifier, store.images[:1]), classifier.count_params()
    )


def save_winner(
    context: SearchContext,
    backbone: str,
    weights: WeightsOrigin,
    result: TrialResult,
    evaluation: Evaluation,
    trained_on: TrainedOn,
) -> WinnerFacts:
    """Write a winner, its predictions and its facts, in this order.

    Args:
        context: Run, data and labels.
        backbone: Name of the backbone.
        weights: Pretrained weights that it started from.
        result: What its training reached.
        evaluation: Its whole model and predictions.
        trained_on: Which training that was, and on how many images.

    Returns:
        What is known about the winner, as it is written beside it.

    Raises:
        OSError: The winner cannot be written.
    """
    run = context.run
    held_out = held_out_rows(context.store.manifest)
    predictions = HeldOut.calibrated(context.labels, held_out, evaluation.uncalibrated_p)
    with replacing(run.winner(backbone)) as new:
        new.write_bytes(evaluation.model)
    facts = WinnerFacts(
        backbone=backbone,
        origin=trained_on.origin,
        hyperparameters=result.hyperparameters,
        size=context.settings.size,
        weights=weights,
        labels=predictions.facts(),
        latency_ms=evaluation.latency_ms,
        parameters=evaluation.parameters,
        bytes=len(evaluation.model),
        history=result.history,
        seconds=result.seconds,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        searched=trained_on.searched,
        trained=trained_on.trained,
    )
    write_text(run.predictions(backbone), predictions.table().to_csv(index=False))
    run.write_winner(facts)
    return facts


def held_out_rows(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of validation and test images.

    Args:
        manifest: Manifest of a run.
    """
    return manifest[manifest["split"].isin(["val", "test"])]


def assemble(
    model: TransferModel,
    tail: SavedTail,
    labels: Sequence[Label],
    calibrations: Sequence[Calibration] | None = None,
) -> keras.Model:
    """Make the whole float32 model of a tail on disk.

    Args:
        model: Model in float32, with pretrained weights.
        tail: Trained tail on disk.
        labels: Labels that the tail has learned.
        calibrations: Calibration of each label; None for none.

    Returns:
        The classifier, from uint8 RGB [N, size, size, 3] to the labels' probabilities.
    """
    chosen = tail.result.hyperparameters
    bias = (0.0,) * sum(label.width for label in labels)  # trained ones are loaded, as statistics
    neutral = FeatureStatistics.neutral(model.features)
    head = model.head(HeadConfig(chosen.head_units, chosen.dropout, neutral, bias))
    model.restore()
    model.tail(chosen.depth, head).load_weights(tail.weights)
    return model.classifier(head, labels, calibrations or [*map(Calibration.none, labels)])


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
