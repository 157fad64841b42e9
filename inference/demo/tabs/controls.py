"""Controls that several tabs have, and how a tab shows what a function returns."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.components import Component

from data.images import readable_kinds
from inference.demo import markup
from inference.demo.api import ONE_MODEL
from inference.demo.label_markup import summary
from inference.served.errors import EXPECTED_ERRORS, message_for
from inference.served.guards.bounds import MAX_PICTURE
from inference.served.models import AUTOMATIC, PRECISIONS, ModelFigures, ServedModels

UPLOAD_FIRST = "Upload, paste or take a picture to see the prediction."
"""What a tab shows before there is a picture."""

_SCROLL = """() => {
  const result = document.querySelector("#%s .result:not(.empty)");
  if (!result) return;
  const place = result.closest(".output") ?? result, { top } = place.getBoundingClientRect();
  if (top >= 0 && top < innerHeight / 5) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  place.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}"""


def picture_and_answer(tab: str, label: str, examples: Sequence[Path]) -> tuple[gr.Image, gr.HTML]:
    """Add an input for one picture, and the place of the answer.

    The answer has the picture, marked, and takes the input's place: see `.workbench` in page.css.
    A button brings the input back.

    Args:
        tab: Name of the tab in the page's element ids.
        label: Words above the input.
        examples: Paths of the pictures that visitors can try.

    Returns:
        The input, and what shows the answer.
    """
    with gr.Row(equal_height=False, elem_classes="workbench one-picture"):
        with gr.Column(elem_classes="input"):
            picture = _picture_input(tab, label, examples)
        with gr.Column(elem_classes="output"):
            again = gr.Button("Another photo", elem_id=f"{tab}-again", elem_classes="again")
            output = gr.HTML(markup.empty(UPLOAD_FIRST), elem_id=f"{tab}-result")
    again.click(None, None, picture, js="() => null", api_visibility="private")
    return picture, output


def _picture_input(tab: str, label: str, examples: Sequence[Path]) -> gr.Image:
    """Add an input for one picture, and example pictures below it."""
    picture = gr.Image(
        label=label,
        sources=["upload", "webcam", "clipboard"],
        height=380,
        buttons=["fullscreen"],
        elem_id=f"{tab}-picture",
    )
    gr.HTML(f'<p class="small">{readable_kinds()}; up to {MAX_PICTURE // 10**6} MB</p>')
    gr.Examples(
        [str(path) for path in examples],
        picture,
        label="Examples (drawn)",
        preload=False,
        api_visibility="private",
    )
    return picture


def model_choices(models: ServedModels, tab: str) -> tuple[gr.Radio, gr.Radio]:
    """Add the choice of a model and of its precision, closed, as most visitors need none.

    Args:
        models: Models to choose from; the first one is chosen.
        tab: Name of the tab in the page's element ids.

    Returns:
        The choice of the model, and of the precision.
    """
    with gr.Accordion("Settings: model and precision", open=False, elem_id=f"{tab}-choices"):
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

    Where the answer is not in sight, as on a phone, the page scrolls to it.

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
    answered = gr.on(
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
    answered.then(None, js=_SCROLL % output.elem_id, api_visibility="private")
