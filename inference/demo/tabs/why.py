"""The button "Why?" of the tab for one picture: what the predictions rest on."""

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component

from inference.demo.api import Api, publish
from inference.demo.explanations import explain, explanations_markup
from inference.demo.guards.uploads import Upload
from inference.demo.markup import empty
from inference.demo.tabs.controls import UPLOAD_FIRST, show_on
from inference.served.models import ServedModels


def add_why(models: ServedModels, api: Api, inputs: Sequence[Component]) -> None:
    """Add the button and the maps below the predictions, and publish /explain.

    Args:
        models: Models to choose from.
        api: Functions offered over HTTP.
        inputs: The tab's picture, model and precision.
    """

    def show(
        picture: Upload | None, backbone: str, precision: str, label: str | None, face: float | None
    ) -> str:
        if picture is None:
            return empty(UPLOAD_FIRST)
        return explanations_markup(explain(picture.path, models, backbone, precision, label, face))

    names = [label.name for label in models.labels]
    with gr.Row(elem_id="photo-why-controls"):
        button = gr.Button("Why?", elem_id="photo-why", scale=0, min_width=96)
        label = gr.Dropdown(
            [("first of the model", ""), *((name, name) for name in names)],
            value="",
            label="Label to explain",
            visible=len(names) > 1,
            elem_id="photo-why-label",
        )
        face = gr.Number(
            0, label="Face to explain (0: all)", minimum=0, precision=0, elem_id="photo-why-face"
        )
    output = gr.HTML(elem_id="photo-why-result")
    asked = [*inputs, label, face]
    show_on([button.click], show, asked, output)
    changed = [one.change for one in inputs if isinstance(one, (gr.Image, gr.Radio))]
    gr.on(changed, None, None, output, js="() => ''", api_visibility="private")
    publish(api.explain, asked)
