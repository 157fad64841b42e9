"""`report.html`, one page with tables and plots, and `results.md`, its main table alone."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data import GENDER, label_conflicts, read_manifest
from data.atomic import write_text
from tuning.backbones.registry import BACKBONES
from tuning.metrics import confidence, decisions
from tuning.report import plots
from tuning.report.rendering import render
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import RunConfig, RunMetrics, WinnerFacts
from tuning.training.trial import HEAD_EPOCHS_FACTOR

_MISTAKES = 24
_PACKAGE = "tuning.report"


@dataclass(frozen=True)
class Mistake:
    """A test image whose prediction is not its label; the page shows the data set's own file.

    Attributes:
        uri: URI of that file.
        name: Name of the file, or its row in the manifest where the name would tell who it is.
        label: Label as annotated, "woman" or "man".
        prediction: Decision of the model, "woman" or "man".
        p_man: Probability of "man", 0..1.
        disputed: Whether the label contradicts most others of the same person in the run's images.
    """

    uri: str
    name: str
    label: str
    prediction: str
    p_man: float
    disputed: bool


def write(
    run: RunFolder, config: RunConfig, metrics: RunMetrics, leaderboard: pd.DataFrame
) -> None:
    """Write a run's report and its table of results.

    Args:
        run: Folder of the run, with its manifest, predictions and trials.
        config: Content of `config.json`: settings, data and versions of the run.
        metrics: Content of `metrics.json`; winners' costs are left out where it lacks them.
        leaderboard: Table of all trials, see `tuning.runs.leaderboard`.

    Raises:
        OSError: A file of the run cannot be read, or the report cannot be written.
    """
    winners = metrics.winners
    tests = {name: _test_predictions(run, name) for name in winners}
    titles = {name: BACKBONES[name].title for name in winners}
    facts = {"config": config, "metrics": metrics, "winners": winners, "titles": titles}
    write_text(run.results, render(_PACKAGE, "templates/results.md.jinja", **facts))
    best = next(iter(winners))
    page = render(
        _PACKAGE,
        "templates/report.html.jinja",
        **facts,
        best=winners[best],
        labels=GENDER.classes,
        head_epochs_factor=HEAD_EPOCHS_FACTOR,
        leaderboard=leaderboard.to_dict("records"),
        cost_plots=plots.costs(winners),
        test_plots=[plots.roc(winners, tests), plots.reliability(winners, tests)],
        mistakes=mistakes(read_manifest(run.manifest), tests[best]),
        mistakes_shown=_MISTAKES,
        curves=plots.learning_curves([_curves(run, facts) for facts in winners.values()]),
        search_plots=plots.search(leaderboard),
    )
    write_text(run.report, page)


def mistakes(manifest: pd.DataFrame, predictions: pd.DataFrame) -> list[Mistake]:
    """List the incorrect predictions, the most confident first.

    Args:
        manifest: Images of the run.
        predictions: Table with `row` of the manifest, `label` and `p_man`.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a.png", "b.png"], "label": [0, 1], "identity": None})
        >>> predictions = pd.DataFrame({"row": [0, 1], "label": [0, 1], "p_man": [0.9, 0.8]})
        >>> [(mistake.name, mistake.prediction) for mistake in mistakes(manifest, predictions)]
        [('a.png', 'man')]
    """
    decided = decisions(predictions["p_man"].to_numpy()).astype(int)
    incorrect = predictions.assign(prediction=decided)[decided != predictions["label"]]
    by_confidence = np.argsort(-confidence(incorrect["p_man"].to_numpy()), kind="stable")
    shown = incorrect.iloc[by_confidence]
    disputed = manifest.index.isin(label_conflicts(manifest).index)
    known = manifest.assign(disputed=disputed)[["path", "identity", "disputed"]]
    return [_mistake(row) for row in shown.join(known, on="row").to_dict("records")]


def _mistake(row: dict[Hashable, Any]) -> Mistake:
    path = Path(row["path"]).absolute()
    who = "" if pd.isna(row["identity"]) else _letters(row["identity"])
    named = bool(who) and who in _letters(path.stem)
    return Mistake(
        uri=path.as_uri(),
        name=f"row {row['row']} of manifest.csv" if named else path.name,
        label=GENDER.classes[row["label"]],
        prediction=GENDER.classes[row["prediction"]],
        p_man=row["p_man"],
        disputed=row["disputed"],
    )


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.casefold()))


def _test_predictions(run: RunFolder, backbone: str) -> pd.DataFrame:
    table = pd.read_csv(run.predictions(backbone))
    return table[table["split"] == "test"]


def _curves(run: RunFolder, facts: WinnerFacts) -> plots.Curves:
    """Curves of a backbone; without a refit on record the winner is the best trial."""
    study = run.study(facts.backbone)
    refit = study.read_refit()
    return plots.Curves(
        facts.backbone,
        study.trials(),
        "refit" if refit else "best trial",
        facts.hyperparameters.depth,
        refit.result.history if refit else facts.history,
    )
