"""One winner of a run to one bundle: converted, checked, quantized, timed, audited, described."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import get_args

import numpy as np
import pandas as pd

from export import audit, bundle_info, card, check_images, openvino_int8, speed
from export.by_label import decisions_by_label
from export.champion import Candidate
from export.forms import FILES, FormName
from export.preparation import Checked, Prepare, prepare
from export.progress import Steps
from export.source import Source
from inference import bundle
from inference.bundle import (
    BundleInfo,
    CheckImages,
    ModelFile,
    Precision,
    Speed,
)
from tuning.metrics import TARGETS, by_label, cross_fitted, evaluate, mean_scores, promise
from tuning.runs.schema import WinnerFacts


@dataclass(frozen=True)
class Exported:
    """A bundle that was written.

    Attributes:
        candidate: How it stands in the choice of a champion.
        info: Facts of the bundle, as its `bundle.json` has them.
    """

    candidate: Candidate
    info: BundleInfo


def export_winner(
    source: Source, facts: WinnerFacts, folder: Path, steps: Steps, prepare: Prepare = prepare
) -> Exported:
    """Write the bundle of a winner.

    Args:
        source: Run of the winner.
        facts: Facts of the winner.
        folder: Folder of the bundle, replaced when all is done.
        steps: Shows what is being done.
        prepare: Who makes its forms: this process, or a worker that has done it before.

    Raises:
        ParityError: An exported model does not predict what the Keras model does.
        RunError: The run's folder lacks a file.
    """
    recorded = source.recorded(facts.backbone)
    info = bundle_info.describe(source, facts, recorded["val"], recorded["test"])
    _say_what_is_promised(info, facts, source.target_accuracy, steps)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(source, info, recorded, Path(scratch), steps)
        export, models = _Export(source, facts, Path(scratch), steps), prepared.models
        info = export.measure(info.model_copy(update={"quantization": prepared.trials}), models)
        served = bundle.Bundle(folder, info).choose()
        info, documents = export.document(info, models, served)
        files = [*documents, *(models[name].form.path for name in info.formats)]
        bundle.write(folder, info, {path.name: path for path in files})
    return Exported(export.candidate(info, models, served), info)


def _say_what_is_promised(
    info: BundleInfo, facts: WinnerFacts, wanted: float | None, steps: Steps
) -> None:
    for label, of_label in zip(info.labels, facts.labels, strict=True):
        point = label.operating_point
        assert point and point.target_accuracy is not None and point.share_uncertain is not None
        said = promise(
            point.target_accuracy,
            point.share_uncertain,
            of_label.val.count,
            wanted or TARGETS[0],
        )
        if point.share_uncertain == 1:
            said += "; give a lower TARGET_ACCURACY, or more images"
        steps.say(f"{label.name}: {said}", "yellow" if point.share_uncertain == 1 else None)


_Models = Mapping[FormName, Checked]


@dataclass(frozen=True)
class _Export:
    """What is done with the forms of one winner; each step returns what it made.

    Attributes:
        source: Run of the winner.
        facts: Facts of the winner.
        scratch: Folder for the files of the bundle until all are there.
        steps: Shows what is being done.
    """

    source: Source
    facts: WinnerFacts
    scratch: Path
    steps: Steps

    def measure(self, info: BundleInfo, models: _Models) -> BundleInfo:
        """Time all forms; return the facts with speed, accuracy and size of each."""
        test = self.source.split("test")
        with self.steps.step("measuring speed"):
            forms = [model.form for model in models.values()]
            timed = speed.measure(
                forms, self.source.labels, test.images[test.rows[: speed.BATCH_SIZE]]
            )
        formats = {name: self._model_file(models[name], timed) for name in FILES if name in models}
        return info.model_copy(update={"speed": timed, "formats": formats})

    def _model_file(self, model: Checked, timed: Speed) -> ModelFile:
        timing, test = timed.timings[model.form.name], self.source.split("test")
        scores = [
            evaluate(label, codes, p, self.source.people(test.rows))
            for label, (codes, p) in by_label(self.source.labels, test.codes, model.test_p)
        ]
        return ModelFile.of(
            model.form.path,
            accuracy=mean(each.accuracy for each in scores),
            accuracy_interval=scores[0].accuracy_interval if len(scores) == 1 else None,
            latency_ms=timing.latency_ms,
            throughput=timing.throughput,
        )

    def document(
        self, info: BundleInfo, models: _Models, served: Precision
    ) -> tuple[BundleInfo, list[Path]]:
        """Audit the model and write card, audit and check images; return all facts and files."""
        groups = self._audit(models[served].test_p)
        with self.steps.step("drawing check images"):
            forms = {name: models[name].form for name in get_args(Precision) if name in models}
            checks = check_images.write(
                self.scratch / check_images.FILE, self.source.labels, info.input, forms
            )
        checks = self._with_openvino(checks, info, models)
        gaps = audit.largest_gaps(groups)
        info = info.model_copy(update={"audit": gaps, "checks": checks})
        wanted = self.source.target_accuracy
        text = card.render(info, self.facts, self.source.config, groups, served, wanted)
        (self.scratch / bundle.CARD_FILE).write_text(text, "utf-8")
        audit.write(groups, self.scratch / audit.FILE)
        names = (bundle.CARD_FILE, audit.FILE, check_images.FILE)
        return info, [self.scratch / name for name in names]

    def _with_openvino(self, checks: CheckImages, info: BundleInfo, models: _Models) -> CheckImages:
        """Add what OpenVINO makes of the INT8 form, if there is one and it passes the gate."""
        if "int8" not in models:
            return checks
        images = bundle.Bundle(self.scratch, info.model_copy(update={"checks": checks}))
        p = openvino_int8.expected(
            models["int8"].form,
            info,
            self.source.split("val"),
            models["fp32"].val_p,
            images.check_images(),
            self.steps,
        )
        return checks.model_copy(update={"openvino_int8": tuple(map(tuple, p))})

    def _audit(self, test_p: np.ndarray) -> pd.DataFrame:
        store, labels, test = self.source.store, self.source.labels, self.source.split("test")
        decided = decisions_by_label(labels, test_p)
        with self.steps.step("auditing"):
            return audit.audit(labels, store.manifest, store.images, test.rows, decided)

    def candidate(self, info: BundleInfo, models: _Models, served: Precision) -> Candidate:
        """Return how the model that is served stands in the choice of a champion."""
        labels, val = self.source.labels, self.source.split("val")
        fair = cross_fitted(labels, val.codes, models[served].val_p, self.source.people(val.rows))
        scores = mean_scores(labels, val.codes, fair)
        return Candidate(
            backbone=info.backbone,
            precision=served,
            score=self.facts.score + scores.brier - self.facts.val_brier,
            val_accuracy=scores.accuracy,
            latency_ms=info.formats[served].latency_ms or 0.0,
            size_mb=info.formats[served].bytes / 1e6,
        )
