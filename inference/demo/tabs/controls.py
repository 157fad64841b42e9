"""Controls that several tabs have, and how a tab shows what a function returns."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.components import Component

from inference.demo import markup
from inference.demo.api import ONE_MODEL
from inference.demo.label_markup import summary
from inference.served.errors import EXPECTED_ERRORS, message_for
from inference.served.models import AUTOMATIC, PRECISIONS, ModelFigures, ServedModels

UPLOAD_FIRST = "Upload, paste or take a picture to see the prediction."
"""What a tab shows before there is a picture."""


def picture_input(tab: str, label: str, examples: Sequence[Path]) -> gr.Image:
    """Add an input for one picture, and example pictures below it.

    Args:
        tab: Name of the tab in the page's element ids.
        label: Words above the input.
        examples: Paths of the pictures that visitors can try.

    Returns:
        The input.
    """
    picture = gr.Image(
        label=label,
        sources=["upload", "webcam", "clipboard"],
        height=380,
        buttons=["fullscreen"],
        elem_id=f"{tab}-picture",
    )
    gr.Examples(
        [str(path) for path in examples],
        picture,
        label="Examples (drawn)",
        preload=False,
        api_visibility="private",
    )
    return picture


def model_choices(models: ServedModels, tab: str) -> tuple[gr.Radio, gr.Radio]:
    """Add the choice of a model and of its precision.

    Args:
        models: Models to choose from; the first one is chosen.
        tab: Name of the tab in the page's element ids.

    Returns:
        The choice of the model, and of the precision.
    """
    with gr.Accordion("Model and precision", open=False, elem_id=f"{tab}-choices"):
        backbone = gr.Radio(
            [(_caption(figures), figures.model) for figures in models.figures],
            value=models.names[0],
            label="Model, with its labels and its accuracy on the test images",
            elem_id=f"{tab}-model",
        )
        precision = gr.Radio(
            [("automatic" if one == AUTOMATIC else one, one) for one in PRECISIONS],
            value=AUTOMATIC,
            label="Precision (automatic: the faster one that passes its check on this machine)",
            elem_id=f"{tab}-precision",
        )
    return backbone, precision


def _caption(figures: ModelFigures) -> str:
    """Return a model's name, its labels and its accuracy, as plain text."""
    accuracy = [] if figures.test_accuracy is None else [f"{figures.test_accuracy:.1%}"]
    return " · ".join([figures.model, summary(figures.labels), *accuracy])


def show_on(
    triggers: Sequence[Callable],
    show: Callable[..., str],
    inputs: Sequence[Component],
    output: gr.HTML,
    progress: Literal["full", "minimal"] = "minimal",
) -> None:
    """Show what a function returns whenever one of some events happens, or why it cannot.

    Args:
        triggers: Events of components, such as `button.click`.
        show: Function that takes the values of `inputs` and returns HTML.
        inputs: Components whose values are sent.
        output: Component that shows the HTML.
        progress: How much of the function's progress is shown.
    """

    @wraps(show)
    def shown(*given: Any) -> str:
        try:
            return show(*given)
        except EXPECTED_ERRORS as error:
            return markup.failure(message_for(error))

    # preprocess=False: Pillow reads the upload in `data.decode`, which takes what people have and
    # says what is wrong with the rest. `CheckedBlocks` checks that it is an upload.
    gr.on(
        list(triggers),
        shown,
        list(inputs),
        output,
        preprocess=False,
        api_visibility="private",
        show_progress=progress,
        concurrency_limit=1,
        concurrency_id=ONE_MODEL,
    )
