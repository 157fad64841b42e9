"""A study's winner: the best tail in its whole model, calibrated, scored and saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import keras
import numpy as np
import pandas as pd

from data import attributes
from data.atomic import replacing, write_json, write_text
from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.metrics import evaluate, fit_temperature, sigmoid, subgroups, uncertainty_band
from tuning.runs.run_folder import RunFolder
from tuning.runs.trial_records import BEST_WEIGHTS, TrialResult

_BATCH = 64
_WARM_UP, _CALLS = 3, 15


def assemble(
    model: TransferModel,
    result: TrialResult,
    statistics: tuple[np.ndarray, np.ndarray],
    weights_file: str,
    temperature: float = 1.0,
) -> keras.Model:
    """The whole float32 model of a result, from the tail's weights.

    Args:
        model: in float32, with pretrained weights.
        result: whose hyperparameters say where the tail begins and what its head is.
        statistics: mean and variance of the pooled features, float32 [C] each.
        weights_file: written by `tuning.search.study.save_best`.
        temperature: see `TransferModel.classifier`.
    """
    hp = result.hyperparameters
    head = model.head(HeadConfig(hp.head_units, hp.dropout, *statistics))
    model.restore()
    model.tail(hp.depth, head).load_weights(weights_file)
    return model.classifier(head, temperature)


def finish(
    run: RunFolder,
    model: TransferModel,
    result: TrialResult,
    origin: str,
    statistics: tuple[np.ndarray, np.ndarray],
    images: np.ndarray,
    manifest: pd.DataFrame,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
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
    weights_file = str(run.study(backbone) / BEST_WEIGHTS)
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
    facts = {
        "backbone": backbone,
        "origin": origin,
        "hyperparameters": asdict(result.hyperparameters),
        "size": model.size,
        "weights": {"source": model.weights.source, "fingerprint": model.weights.fingerprint},
        "temperature": temperature,
        "band": asdict(uncertainty_band(labels[is_val], p_man[is_val])),
        "val": {
            **evaluate(labels[is_val], p_man[is_val]),
            "uncalibrated": evaluate(labels[is_val], sigmoid(logits[is_val])),
        },
        "test": {
            **evaluate(labels[~is_val], p_man[~is_val]),
            "uncalibrated": evaluate(labels[~is_val], sigmoid(logits[~is_val])),
            "subgroups": subgroups(test, attributes(test), p_man[~is_val]),
        },
        "latency_ms": latency_ms(classifier, images[:1]),
        "parameters": classifier.count_params(),
        "bytes": run.winner(backbone).stat().st_size,
        "history": result.history,
        "seconds": result.seconds,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    table = scored.assign(row=rows, p_man=p_man)[["row", "split", "label", "p_man"]]
    write_text(run.predictions(backbone), table.to_csv(index=False))
    write_json(run.winner_facts(backbone), facts)
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
