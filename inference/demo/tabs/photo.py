"""The tab for one picture and one model."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from inference.demo import markup
from inference.demo.api import Api, publish
from inference.demo.guards.uploads import Upload
from inference.demo.predictions import classify
from inference.demo.tabs.controls import (
    UPLOAD_FIRST,
    model_choices,
    picture_and_answer,
    show_on,
)
from inference.demo.tabs.why import add_why
from inference.served.models import ServedModels


def add_photo_tab(models: ServedModels, api: Api, examples: Sequence[Path]) -> None:
    """Fill the tab, and publish /classify.

    Args:
        models: Models to choose from.
        api: Functions offered over HTTP.
        examples: Paths of the pictures that visitors can try.
    """

    def show(picture: Upload | None, backbone: str, precision: str) -> str:
        if picture is None:
            return markup.empty(UPLOAD_FIRST)
        prediction = classify(picture.path, models, backbone, precision)
        return markup.prediction(picture, prediction, models.bundle(backbone).info.labels)

    picture, output = picture_and_answer("photo", "Your photo", examples)
    below = gr.Column()
    backbone, precision = model_choices(models, "photo")
    inputs = [picture, backbone, precision]
    show_on([picture.change, backbone.change, precision.change], show, inputs, output)
    publish(api.classify, inputs)
    with below:
        add_why(models, api, inputs)
