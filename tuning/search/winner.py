"""A study's winner: the best tail in its whole model, calibrated, scored and saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from data import attributes
from data.atomic import replacing, write_text
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.metrics import evaluate, fit_temperature, sigmoid, subgroups, uncertainty_band
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import (
    Origin,
    TestScores,
    TrialResult,
    ValScores,
    WeightsOrigin,
    WinnerFacts,
)

_BATCH = 64
_WARM_UP, _CALLS = 3, 15


def assemble(
    model: TransferModel,
    result: TrialResult,
    statistics: FeatureStatistics,
    weights_file: Path,
    temperature: float = 1.0,
) -> keras.Model:
    """The whole float32 model of a result, from the tail's weights.

    Args:
        model: in float32, with pretrained weights.
        result: whose hyperparameters say where the tail begins and what its head is.
        statistics: Of the pooled features of the training images.
        weights_file: written by `tuning.search.study.save_best`.
        temperature: see `TransferModel.classifier`.
    """
    hp = result.hyperparameters
    head = model.head(HeadConfig(hp.head_units, hp.dropout, statistics))
    model.restore()
    model.tail(hp.depth, head).load_weights(weights_file)
    return model.classifier(head, temperature)


def finish(
    run: RunFolder,
    model: TransferModel,
    result: TrialResult,
    origin: Origin,
    statistics: FeatureStatistics,
    images: np.ndarray,
    manifest: pd.DataFrame,
    progress: Callable[[int, int], None],
) -> WinnerFacts:
    """Calibrate on validation images, score on test images, save the winner.

    Everything is measured on the whole float32 model from pixels, as it is saved and served.

    Args:
        run: where to save.
        model: in float32, with pretrained weights.
        result: the best of trials and refit.
        origin: "trial" or "refit".
        statistics: mean and variance of the pooled features.
        images: uint8 [N, size, size, 3].
        manifest: their N rows, with `split`.
        progress: called with images done and to do.

    Returns:
        the facts written beside the winner.
    """
    backbone = model.backbone.name
    weights_file = run.study(backbone).weights
    plain = assemble(model, result, statistics, weights_file)
    scored = manifest[manifest["split"].isin(["val", "test"])]
    rows = scored.index.to_numpy()
    logits = logit(predict(plain, images, rows, progress))
    labels = scored["label"].to_numpy()
    is_val = (scored["split"] == "val").to_numpy()
    temperature = fit_temperature(labels[is_val], logits[is_val])
    p_man = sigmoid(logits / temperature)
    test = manifest.loc[rows[~is_val]]
    classifier = assemble(model, result, statistics, weights_file, temperature)
    _save(classifier, run, backbone)
    val_scores, test_scores = (
        dict(evaluate(labels[part], p_man[part]))
        | {"uncalibrated": evaluate(labels[part], sigmoid(logits[part]))}
        for part in (is_val, ~is_val)
    )
    facts = WinnerFacts(
        backbone=backbone,
        origin=origin,
        hyperparameters=result.hyperparameters,
        size=model.size,
        weights=WeightsOrigin(source=model.weights.source, fingerprint=model.weights.fingerprint),
        temperature=temperature,
        band=uncertainty_band(labels[is_val], p_man[is_val]),
        val=ValScores(**val_scores),
        test=TestScores(**test_scores, subgroups=subgroups(test, attributes(test), p_man[~is_val])),
        latency_ms=latency_ms(classifier, images[:1]),
        parameters=classifier.count_params(),
        bytes=run.winner(backbone).stat().st_size,
        history=result.history,
        seconds=result.seconds,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    table = scored.assign(row=rows, p_man=p_man)[["row", "split", "label", "p_man"]]
    write_text(run.predictions(backbone), table.to_csv(index=False))
    run.write_winner(facts)
    return facts


def predict(
    classifier: keras.Model,
    images: np.ndarray,
    rows: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """`p_man` of some images, float64 [n].

    Args:
        classifier: a whole model.
        images: uint8 [N, size, size, 3].
        rows: int [n], which of them.
        progress: called with images done and to do.
    """
    parts = []
    for start in range(0, len(rows), _BATCH):
        parts.append(classifier.predict_on_batch(images[rows[start : start + _BATCH]])[:, 0])
        if progress:
            progress(min(start + _BATCH, len(rows)), len(rows))
    return np.concatenate(parts).astype(np.float64)


def latency_ms(classifier: keras.Model, image: np.ndarray) -> float:
    """Median time of Keras for one image at a time, ms, warmed up.

    Args:
        classifier: a whole model.
        image: uint8 [1, size, size, 3].
    """
    seconds = []
    for _ in range(_WARM_UP + _CALLS):
        started = time.perf_counter()
        classifier.predict_on_batch(image)
        seconds.append(time.perf_counter() - started)
    return 1e3 * float(np.median(seconds[_WARM_UP:]))


def logit(p_man: np.ndarray) -> np.ndarray:
    """Probabilities back to logits; those at 0 or 1 become +-16."""
    p = np.clip(p_man, 1e-7, 1 - 1e-7)
    return np.log(p / (1 - p))


def _save(classifier: keras.Model, run: RunFolder, backbone: str) -> None:
    path = run.winner(backbone)
    with replacing(path) as new:
        classifier.save(new)
