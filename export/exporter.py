"""Every winner of a run to a bundle, and a champion among them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

import data
from data import ImageStore
from export import card, convert, parity
from export.champion import Candidate, Limits, choose, rank
from export.parity import Parity, Predict
from inference import bundle
from inference.bench import interleaved
from inference.bundle import BundleInfo, Format
from tuning.files import read_json
from tuning.run_folder import RunError, RunFolder

ROUNDS = 7
THROUGHPUT_BATCH = 16
_PACKAGES = ("keras", "tf2onnx", "onnx", "onnxruntime", "numpy", "pillow")


@dataclass(frozen=True)
class Speed:
    """Medians of rounds in which all formats ran in turn.

    Attributes:
        latency_ms: of one image.
        throughput: images a second in batches of THROUGHPUT_BATCH.
    """

    latency_ms: float
    throughput: float


@dataclass(frozen=True)
class Exported:
    """One bundle that was written."""

    candidate: Candidate
    info: BundleInfo
    parity: dict[str, Parity]
    speed: dict[str, Speed]


def export_run(run: RunFolder, models: Path, cache: Path, limits: Limits) -> list[Exported]:
    """Export a run's winners and name the champion.

    Args:
        run: finished, with metrics and winners.
        models: folder for the bundles and `index.json`.
        cache: folder of image stores.
        limits: for the champion.

    Returns:
        what was exported, best first.

    Raises:
        RunError: the run is not finished or not readable.
        ParityError: an exported model does not answer as Keras does.
        LimitsError: no model is within the limits (the bundles are there, without a champion).
    """
    metrics, config = read_json(run.metrics), read_json(run.config)
    if not metrics or not config:
        raise RunError(f"{run.path} holds no finished run: run `make tune` first")
    console = Console(highlight=False)
    console.print(f"Run {run.name} to {models}", style="bold", soft_wrap=True)
    store = _images(run, config, cache)
    exported = [
        _export(run, config, facts, store, models, console) for facts in metrics["winners"].values()
    ]
    ranked = rank([item.candidate for item in exported])
    exported.sort(key=lambda item: ranked.index(item.candidate))
    champion = choose(ranked, limits)
    bundle.write_index(models, champion.backbone, [item.backbone for item in ranked])
    _show(exported, champion, console)
    return exported


def _images(run: RunFolder, config: dict[str, Any], cache: Path) -> ImageStore:
    manifest = pd.read_csv(run.manifest, dtype={"identity": "string", "split": "string"})
    return data.build(manifest, config["settings"]["size"], config["images"]["framing"], cache)


def _export(
    run: RunFolder,
    config: dict[str, Any],
    facts: dict[str, Any],
    store: ImageStore,
    models: Path,
    console: Console,
) -> Exported:
    name = facts["backbone"]
    classifier = keras.models.load_model(run.winner(name))
    info = _info(run, config, facts)
    rows = np.flatnonzero(store.manifest["split"] == "test")
    labels = store.manifest["label"].to_numpy()[rows]
    with tempfile.TemporaryDirectory() as scratch:
        onnx_file, saved_model = Path(scratch, "model.onnx"), Path(scratch, "saved_model")
        with console.status(f"{name}: converting"):
            convert.to_onnx(classifier, bundle.to_metadata(info), onnx_file)
            convert.to_saved_model(classifier, saved_model)
        predict: dict[str, Predict] = {
            "keras": lambda batch: classifier.predict(batch, verbose=0),
            "saved_model": parity.saved_model_predict(saved_model),
            "fp32": parity.onnx_predict(onnx_file),
        }
        answers = {}
        for form, function in predict.items():
            with console.status(f"{name}: {len(rows)} test images through {form}"):
                answers[form] = parity.in_batches(function, store.images, rows)
        checks = {
            form: parity.compare(answers["keras"], answers[form], f"{name} as {form}")
            for form in ("saved_model", "fp32")
        }
        with console.status(f"{name}: measuring speed"):
            speed = _measure(predict, store.images[rows[:THROUGHPUT_BATCH]])
        formats = {
            form: Format.of(
                path,
                accuracy=float(((answers[form] >= 0.5) == labels).mean()),
                latency_ms=speed[form].latency_ms,
                throughput=speed[form].throughput,
            )
            for form, path in (("fp32", onnx_file), ("saved_model", saved_model))
        }
        info = info.model_copy(update={"formats": formats})
        card_file = Path(scratch, bundle.CARD_FILE)
        card_file.write_text(card.render(info, facts, config), encoding="utf-8")
        files = {path.name: path for path in (onnx_file, saved_model, card_file)}
        bundle.write(models / name, info, files)
    worst = max(check.largest_difference for check in checks.values())
    console.print(
        f"{name}: {len(rows)} test images, p_man within {worst:.1e} of Keras, "
        f"no decision changed; {speed['fp32'].latency_ms:.1f} ms an image "
        f"(Keras {speed['keras'].latency_ms:.1f} ms)",
        soft_wrap=True,
    )
    candidate = Candidate(
        name,
        facts["val"]["brier"],
        facts["val"]["accuracy"],
        speed["fp32"].latency_ms,
        formats["fp32"].bytes / 1e6,
    )
    return Exported(candidate, info, checks, speed)


def _info(run: RunFolder, config: dict[str, Any], facts: dict[str, Any]) -> BundleInfo:
    test, band = facts["test"], facts["band"]
    return BundleInfo.model_validate(
        {
            "backbone": facts["backbone"],
            "input": {"size": facts["size"], "framing": config["images"]["framing"]},
            "temperature": facts["temperature"],
            "band": band,
            "synthetic": config["data"]["synthetic"],
            "hyperparameters": facts["hyperparameters"],
            "data": {
                "name": config["data"]["name"],
                "fingerprint": config["data"]["fingerprint"],
                "counts": {
                    split: part["count"] for split, part in config["images"]["splits"].items()
                },
            },
            "weights": facts["weights"],
            "versions": {**config["versions"], **{name: version(name) for name in _PACKAGES}},
            "created": facts["created"],
            "run": run.name,
            "metrics": {
                "test_accuracy": test["accuracy"],
                "test_accuracy_interval": test["accuracy_interval"],
                "balanced_accuracy": test["balanced_accuracy"],
                "auc": test["auc"],
                "calibration_error": test["calibration_error"],
                "val_accuracy": facts["val"]["accuracy"],
                "val_brier": facts["val"]["brier"],
            },
        }
    )


def _measure(predict: dict[str, Predict], images: np.ndarray) -> dict[str, Speed]:
    one, many = images[:1], images

    def calls(batch: np.ndarray) -> dict[str, Any]:
        return {form: lambda f=function: f(batch) for form, function in predict.items()}

    latency = interleaved(calls(one), ROUNDS)
    batch_seconds = interleaved(calls(many), ROUNDS)
    return {form: Speed(1e3 * latency[form], len(many) / batch_seconds[form]) for form in predict}


def _show(exported: list[Exported], champion: Candidate, console: Console) -> None:
    table = Table(
        "backbone", "test accuracy", "Keras ms", "SavedModel ms", "ONNX ms", "images/s", "MB"
    )
    for item in exported:
        mark = " (champion)" if item.candidate == champion else ""
        table.add_row(
            item.candidate.backbone + mark,
            f"{100 * (item.info.metrics.test_accuracy or 0):.2f} %",
            *(f"{item.speed[form].latency_ms:.1f}" for form in ("keras", "saved_model", "fp32")),
            f"{item.speed['fp32'].throughput:.0f}",
            f"{item.candidate.size_mb:.1f}",
        )
    console.print(table)
    console.print(
        "ms: one image, median; images/s: ONNX in batches of "
        f"{THROUGHPUT_BATCH}. Next: `make demo`, or `python -m inference predict --help`.",
        soft_wrap=True,
    )
