"""The tab for many pictures and one model."""

from collections.abc import Callable

import gradio as gr

from data.images import readable_kinds
from inference.demo import markup
from inference.demo.api import Api, publish
from inference.demo.guards.uploads import Upload, Uploads
from inference.demo.marked_zip import mark
from inference.demo.predictions import MAX_FILES, classify_batch
from inference.demo.tabs.controls import model_choices, show_on
from inference.served.models import ServedModels


def add_batch_tab(models: ServedModels, api: Api, uploads: Uploads) -> None:
    """Fill the tab, and publish /classify_batch.

    Args:
        models: Models to choose from.
        api: Functions offered over HTTP.
        uploads: Folder of what visitors send, into which marked copies go.
    """

    def show(
        files: list[Upload],
        backbone: str,
        precision: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
    ) -> str:
        def advance(what: str) -> Callable[[int, int], None]:
            return lambda done, total: progress((done, total), desc=what, unit="pictures")

        batch = classify_batch(files, models.load(backbone, precision), advance("Classifying"))
        pictures = mark(batch, uploads.folder, advance("Marking"))
        return markup.batch(batch, pictures, f"{backbone}, {batch.precision}")

    with gr.Row(equal_height=False, elem_classes="workbench"):
        with gr.Column(elem_classes="input"):
            files = gr.File(
                label=f"Up to {MAX_FILES} photos",
                file_count="multiple",
                height=240,
                elem_id="batch-files",
            )
            gr.HTML(f'<p class="small">{readable_kinds()}</p>')
            start = gr.Button("Classify", variant="primary", elem_id="batch-start")
            backbone, precision = model_choices(models, "batch")
        with gr.Column(elem_classes="output"):
            output = gr.HTML(
                markup.empty("Choose photos and press Classify."), elem_id="batch-result"
            )
    inputs = [files, backbone, precision]
    show_on([start.click], show, inputs, output, "full")
    publish(api.classify_batch, inputs)
