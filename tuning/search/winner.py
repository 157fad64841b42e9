"""A study's winner: the best tail in its whole model, calibrated, scored and saved."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from data import ImageStore, attributes
from data.atomic import replacing, write_text
from data.progress import ProgressCallback
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.image_batches import map_batches
from tuning.metrics import (
    evaluate,
    fit_temperature,
    logit,
    sigmoid,
    subgroups,
    uncertainty_band,
)
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import (
    Origin,
    TestScores,
    TrialResult,
    UncertaintyBand,
    ValScores,
    WeightsOrigin,
    WinnerFacts,
)

_BATCH_SIZE = 64
_WARM_UP, _CALLS = 3, 15


@dataclass(frozen=True)
class SavedTail:
    """A trained tail on disk, and what it takes to make the whole model from it.

    Attributes:
        result: What the training reached; its hyperparameters say where the tail begins and what
            its head is.
        weights: Path of the tail's weights, HDF5.
        statistics: Statistics of the pooled features of the training images.
    """

    result: TrialResult
    weights: Path
    statistics: FeatureStatistics


def save_winner(
    run: RunFolder,
    model: TransferModel,
    tail: SavedTail,
    origin: Origin,
    store: ImageStore,
    progress: ProgressCallback,
) -> WinnerFacts:
    """Calibrate on validation images, score on test images, save the winner.

    Everything is measured on the whole float32 model from pixels, as it is saved and served.

    Args:
        run: Folder of the run.
        model: Model in float32, with pretrained weights.
        tail: Best of trials and refit.
        origin: Which of these it is.
        store: Decoded images of the run.
        progress: Called with the number of images done and of all.

    Returns:
        What is known about the winner, as it is written beside it.

    Raises:
        OSError: The winner cannot be written.
    """
    held_out = store.manifest[store.manifest["split"].isin(["val", "test"])]
    p_man = predict(assemble(model, tail), store.images, held_out.index.to_numpy(), progress)
    predictions = _Predictions.calibrated(held_out, logit(p_man))
    classifier = assemble(model, tail, predictions.temperature)
    path = run.winner(model.backbone.name)
    with replacing(path) as new:
        classifier.save(new)
    facts = WinnerFacts(
        backbone=model.backbone.name,
        origin=origin,
        hyperparameters=tail.result.hyperparameters,
        size=model.size,
        weights=WeightsOrigin(source=model.weights.source, fingerprint=model.weights.fingerprint),
        temperature=predictions.temperature,
        band=predictions.band(),
        val=predictions.scores("val"),
        test=predictions.test_scores(),
        latency_ms=latency_ms(classifier, store.images[:1]),
        parameters=classifier.count_params(),
        bytes=path.stat().st_size,
        history=tail.result.history,
        seconds=tail.result.seconds,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_text(run.predictions(facts.backbone), predictions.table().to_csv(index=False))
    run.write_winner(facts)
    return facts


def assemble(model: TransferModel, tail: SavedTail, temperature: float = 1.0) -> keras.Model:
    """Make the whole float32 model of a tail on disk.

    Args:
        model: Model in float32, with pretrained weights.
        tail: Trained tail on disk, with the statistics of its head.
        temperature: Number that the logit is divided by, see `TransferModel.classifier`.

    Returns:
        The classifier: uint8 RGB [N, size, size, 3] -> p_man, float32 [N, 1].
    """
    chosen = tail.result.hyperparameters
    head = model.head(HeadConfig(chosen.head_units, chosen.dropout, tail.statistics))
    model.restore()
    model.tail(chosen.depth, head).load_weights(tail.weights)
    return model.classifier(head, temperature)


def predict(
    classifier: keras.Model,
    images: np.ndarray,
    rows: np.ndarray,
    progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Predict p_man of some images.

    Args:
        classifier: Whole model from pixels to p_man, as `assemble` makes it.
        images: Images, uint8 [N, size, size, 3].
        rows: Rows of these images to take, int [n].
        progress: Called with the number of images done and of all.

    Returns:
        float64 [n].

    Example:
        >>> image = keras.Input((2, 2, 3))
        >>> pooled = keras.layers.GlobalAveragePooling2D()(image)
        >>> model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(pooled))
        >>> predict(model, np.zeros((5, 2, 2, 3), np.uint8), np.array([0, 4])).tolist()
        [0.5, 0.5]
    """
    parts = map_batches(classifier.predict_on_batch, images, rows, _BATCH_SIZE, progress)
    return np.concatenate([part[:, 0] for part in parts]).astype(np.float64)


def latency_ms(classifier: keras.Model, image: np.ndarray) -> float:
    """Measure the time of Keras for one image at a time, warmed up.

    Args:
        classifier: Whole model from pixels to p_man, as `assemble` makes it.
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
class _Predictions:
    """Predictions for validation and test images.

    Attributes:
        manifest: Rows of the images.
        logits: Logits before temperature scaling, float64 [N].
        temperature: Number that the logits are divided by.
    """

    manifest: pd.DataFrame
    logits: np.ndarray
    temperature: float

    @classmethod
    def calibrated(cls, manifest: pd.DataFrame, logits: np.ndarray) -> _Predictions:
        """With the temperature that fits the validation images."""
        val = (manifest["split"] == "val").to_numpy()
        temperature = fit_temperature(manifest["label"].to_numpy()[val], logits[val])
        return cls(manifest, logits, temperature)

    @property
    def p_man(self) -> np.ndarray:
        return sigmoid(self.logits / self.temperature)

    def of(self, split: str) -> _Predictions:
        rows = (self.manifest["split"] == split).to_numpy()
        return _Predictions(self.manifest[rows], self.logits[rows], self.temperature)

    def labels(self) -> np.ndarray:
        return self.manifest["label"].to_numpy()

    def scores(self, split: str) -> ValScores:
        part = self.of(split)
        scores = evaluate(part.labels(), part.p_man)
        return ValScores(**dict(scores), uncalibrated=evaluate(part.labels(), sigmoid(part.logits)))

    def test_scores(self) -> TestScores:
        test = self.of("test")
        groups = subgroups(test.manifest, attributes(test.manifest), test.p_man)
        return TestScores(**dict(self.scores("test")), subgroups=groups)

    def band(self) -> UncertaintyBand:
        val = self.of("val")
        return uncertainty_band(val.labels(), val.p_man)

    def table(self) -> pd.DataFrame:
        """As it is written: row of the run's manifest, split, label, p_man."""
        table = self.manifest.assign(row=self.manifest.index, p_man=self.p_man)
        return table[["row", "split", "label", "p_man"]]
