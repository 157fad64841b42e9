"""The tab that says what the models predict, and shows their cards."""

from pathlib import Path

import gradio as gr

from inference.demo.label_markup import meanings
from inference.served.models import ServedModels

_ABOUT = Path(__file__).parents[1] / "about.md"


def add_about_tab(models: ServedModels) -> None:
    """Fill the tab.

    Args:
        models: Models whose labels are explained and whose cards are shown, also those whose label
            is kept back.
    """
    shown = [*models.bundles, *models.closed]
    withheld = [label for labels in models.withheld.values() for label in labels]
    gr.HTML(f"<h2>The labels</h2>{meanings(dict.fromkeys([*models.labels, *withheld]))}")
    gr.Markdown(_ABOUT.read_text(encoding="utf-8"))
    for bundle in shown:
        with gr.Accordion(bundle.folder.name, open=not models.bundles):
            gr.Markdown(
                bundle.card or "This model was exported without a card.", elem_classes="card"
            )
