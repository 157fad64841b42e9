"""The page: a header and four tabs."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from inference.demo import markup
from inference.demo.api import Api
from inference.demo.example_pictures import draw_examples
from inference.demo.guards.checked_blocks import CheckedBlocks
from inference.demo.guards.uploads import SECONDS_BETWEEN_SWEEPS, SECONDS_KEPT, Uploads
from inference.demo.tabs.about import add_about_tab
from inference.demo.tabs.batch import add_batch_tab
from inference.demo.tabs.compare import add_compare_tab
from inference.demo.tabs.live import add_live_tab
from inference.demo.tabs.photo import add_photo_tab
from inference.served.models import ServedModels

_NAMES = Path(__file__).with_name("page.js")


def build_page(models: ServedModels, examples: Path, uploads: Uploads) -> gr.Blocks:
    """Make the page and its API.

    Args:
        models: Models to choose from. Where all labels are kept back there is nothing to classify
            with, and About is the only tab.
        examples: Existing, empty folder into which the example pictures are drawn.
        uploads: Folder of what visitors send.

    Returns:
        The page, which is not served yet.
    """
    api, pictures = Api(models), draw_examples(examples)
    with CheckedBlocks(
        uploads,
        title="Face classifier",
        analytics_enabled=False,
        delete_cache=(SECONDS_BETWEEN_SWEEPS, SECONDS_KEPT),
    ) as page:
        gr.HTML(markup.header(models))
        if models.bundles:
            _add_classifying_tabs(models, api, pictures, uploads)
        with gr.Tab("About"):
            add_about_tab(models)
        gr.api(api.models, api_name="models")
        page.load(None, js=_NAMES.read_text(encoding="utf-8"), api_visibility="private")
    return page.with_queue()


def _add_classifying_tabs(
    models: ServedModels, api: Api, pictures: Sequence[Path], uploads: Uploads
) -> None:
    with gr.Tab("Photo"):
        add_photo_tab(models, api, pictures)
    with gr.Tab("Live"):
        add_live_tab(models)
    with gr.Tab("Batch"):
        add_batch_tab(models, api, uploads)
    with gr.Tab("Compare"):
        add_compare_tab(models, api, pictures)
