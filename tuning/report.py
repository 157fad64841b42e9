"""`report.html`, one page with tables and plots, and `results.md`, its main table alone."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

from tuning.backbones import BACKBONES
from tuning.files import write_text
from tuning.run_folder import RunFolder

_COLORS = dict(zip(BACKBONES, [f"C{number}" for number in range(len(BACKBONES))], strict=False))


def write(
    run: RunFolder, config: dict[str, Any], metrics: dict[str, Any], leaderboard: pd.DataFrame
) -> None:
    """Write a run's report and its table of results.

    Args:
        run: whose folder gets it, and has the predictions.
        config: content of `config.json`.
        metrics: content of `metrics.json`.
        leaderboard: one row a trial.
    """
    winners = metrics["winners"]
    predictions = {name: pd.read_csv(run.predictions(name)) for name in winners}
    titles = {name: BACKBONES[name].title for name in winners}
    facts = {"config": config, "metrics": metrics, "winners": winners, "titles": titles}
    write_text(run.results, _render("results.md.jinja", **facts))
    page = _render(
        "report.html.jinja",
        **facts,
        leaderboard=leaderboard.to_dict("records"),
        search_plots=[
            _scatter(leaderboard, "depth", "Fine-tuning depth"),
            _scatter(leaderboard, "learning_rate", "Learning rate", log=True),
            _scatter(leaderboard, "head_units", "Head units"),
        ],
        curves=_learning_curves(winners),
        test_plots=[_roc(predictions), _reliability(predictions)],
        confusions={name: facts["test"]["confusion"] for name, facts in winners.items()},
    )
    write_text(run.report, page)


def _render(template: str, **facts: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=template.endswith(".html.jinja"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**facts)


def _scatter(
    leaderboard: pd.DataFrame, column: str, title: str, log: bool = False
) -> dict[str, str]:
    figure, axes = _axes()
    finished = leaderboard.dropna(subset=["val_accuracy"])
    for name in finished["backbone"].unique():
        rows = finished[finished["backbone"] == name]
        axes.scatter(
            rows[column], 100 * rows["val_accuracy"], label=_title(name), color=_COLORS[name],
            alpha=0.8,
        )  # fmt: skip
    if log:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel=title, ylabel="Validation accuracy, %")
    axes.legend(fontsize=8)
    return _embed(figure, f"Validation accuracy against {title.lower()}, one dot a trial")


def _learning_curves(winners: dict[str, Any]) -> dict[str, str]:
    figure, axes = _axes()
    for name, facts in winners.items():
        history = pd.DataFrame(facts["history"])
        axes.plot(
            history["epoch"], 100 * history["val_accuracy"], marker=".", label=_title(name),
            color=_COLORS[name],
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="Epoch", ylabel="Validation accuracy, %")
    axes.legend(fontsize=8)
    return _embed(figure, "Learning curves of the winners")


def _roc(predictions: dict[str, pd.DataFrame]) -> dict[str, str]:
    figure, axes = _axes()
    for name, table in predictions.items():
        test = table[table["split"] == "test"]
        false_positive, true_positive, _ = roc_curve(test["label"], test["p_man"])
        axes.plot(false_positive, true_positive, label=_title(name), color=_COLORS[name])
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.7)
    axes.set(
        xlabel="Share of 'woman' labels answered man", ylabel="Share of 'man' labels answered man"
    )
    axes.legend(fontsize=8)
    return _embed(figure, "ROC curves on test images")


def _reliability(predictions: dict[str, pd.DataFrame]) -> dict[str, str]:
    figure, axes = _axes()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.7)
    for name, table in predictions.items():
        test = table[table["split"] == "test"]
        share, confidence = calibration_curve(
            test["label"], np.clip(test["p_man"], 0, 1), n_bins=10, strategy="quantile"
        )
        axes.plot(confidence, share, marker="o", label=_title(name), color=_COLORS[name])
    axes.set(xlabel="Predicted p_man", ylabel="Share labelled man")
    axes.legend(fontsize=8)
    return _embed(figure, "Reliability on test images, in tenths of the predictions")


def _axes() -> tuple[Figure, Any]:
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _embed(figure: Figure, caption: str) -> dict[str, str]:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"caption": caption, "source": f"data:image/png;base64,{data}"}


def _title(name: str) -> str:
    return BACKBONES[name].title
