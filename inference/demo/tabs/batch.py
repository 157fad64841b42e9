"""The tab for many pictures and one model."""

import gradio as gr

from inference.demo import markup
from inference.demo.api import Api, publish
from inference.demo.guards.uploads import Upload
from inference.demo.predictions import MAX_FILES, classify_batch
from inference.demo.tabs.controls import model_choices, show_on
from inference.served.models import ServedModels


def add_batch_tab(models: ServedModels, api: Api) -> None:
    """Fill the tab, and publish /classify_batch.

    Args:
        models: Models to choose from.
        api: Functions offered over HTTP.
    """

    def show(
        files: list[Upload],
        backbone: str,
        precision: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
    ) -> str:
        def advance(done: int, total: int) -> None:
            progress((done, total), desc="Classifying", unit="pictures")

        return markup.batch(classify_batch(files, models.load(backbone, precision), advance))

    with gr.Row(equal_height=False):
        with gr.Column():
            files = gr.File(
                label=f"Up to {MAX_FILES} photos",
                file_count="multiple",
                height=240,
                elem_id="batch-files",
            )
            backbone, precision = model_choices(models, "batch")
            start = gr.Button("Classify", variant="primary", elem_id="batch-start")
        with gr.Column():
            output = gr.HTML(
                markup.empty("Choose photos and press Classify."), elem_id="batch-result"
            )
    inputs = [files, backbone, precision]
    show_on([start.click], show, inputs, output, "full")
    publish(api.classify_batch, inputs)
