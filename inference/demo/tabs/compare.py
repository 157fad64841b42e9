"""The tab for one picture and all models, with the models' figures."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
import numpy as np
import pandas as pd

from inference.demo import markup
from inference.demo.api import Api, publish
from inference.demo.guards.uploads import Upload
from inference.demo.label_markup import summary
from inference.demo.predictions import compare
from inference.demo.tabs.controls import UPLOAD_FIRST, picture_and_answer, show_on
from inference.served.models import ModelFigures, ServedModels


def add_compare_tab(models: ServedModels, api: Api, examples: Sequence[Path]) -> None:
    """Fill the tab, and publish /compare.

    Args:
        models: Models that classify each picture, in rank order.
        api: Functions offered over HTTP.
        examples: Paths of the pictures that visitors can try.
    """

    def show(picture: Upload | None) -> str:
        if picture is None:
            return markup.empty(UPLOAD_FIRST)
        return markup.comparison(picture, compare(picture.path, models), models)

    picture, output = picture_and_answer("compare", "Photo for all models", examples)
    show_on([picture.change], show, [picture], output)
    publish(api.compare, [picture])
    gr.Markdown("## The models")
    gr.HTML(markup.models(models.figures))
    for figures in _comparable(models.figures):
        _plot(figures)


def _comparable(figures: Sequence[ModelFigures]) -> list[list[ModelFigures]]:
    """Return the models of the same labels together; one that has no like is no comparison."""
    alike = [[other for other in figures if other.labels == one.labels] for one in figures]
    several = [group for one, group in zip(figures, alike, strict=True) if one is group[0]]
    return [group for group in several if len(group) > 1 or len(figures) == 1]


def _plot(figures: Sequence[ModelFigures]) -> None:
    """Plot accuracy over latency of models of the same labels, where both were measured."""
    rows = [
        {
            "model": f"{one.model}, {one.megabytes:.0f} MB",
            "ms per face": round(one.latency_ms, 2),
            "accuracy %": round(one.test_accuracy * 100, 2),
        }
        for one in figures
        if one.latency_ms is not None and one.test_accuracy is not None
    ]
    if not rows:
        return
    frame = pd.DataFrame(rows)
    accuracy = frame["accuracy %"]
    gr.ScatterPlot(
        frame,
        x="ms per face",
        y="accuracy %",
        color="model",
        y_lim=[
            float(np.floor(accuracy.min()) - 1),
            float(min(100, np.ceil(accuracy.max()) + 1)),
        ],
        x_lim=[0, float(frame["ms per face"].max() * 1.15)],
        tooltip="all",
        title=f"Test accuracy and speed: {summary(figures[0].labels)}",
        height=320,
        elem_classes="plot",
    )
