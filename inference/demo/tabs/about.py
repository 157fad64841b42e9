"""The tab that says what the models predict, and shows their cards."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from inference.bundle import Bundle

_ABOUT = Path(__file__).parents[1] / "about.md"


def add_about_tab(bundles: Sequence[Bundle]) -> None:
    """Fill the tab.

    Args:
        bundles: Bundles whose model cards are shown.
    """
    gr.Markdown(_ABOUT.read_text(encoding="utf-8"))
    for bundle in bundles:
        with gr.Accordion(bundle.folder.name, open=False):
            gr.Markdown(
                bundle.card or "This model was exported without a card.", elem_classes="card"
            )
