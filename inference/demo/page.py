"""The page: its tabs, its events and the API that they share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from data import ImageError
from inference.bundle import Bundle, BundleError
from inference.demo import answers, markup
from inference.demo.answers import Models, RefusedError
from inference.demo.blocks import CheckedBlocks
from inference.demo.examples import draw_examples
from inference.demo.guards.uploads import SECONDS_BETWEEN_SWEEPS, SECONDS_KEPT, Upload, Uploads

_ONE_MODEL = "model"  # events of this group run one at a time: a run uses all cores already
_REFUSALS = (ImageError, BundleError, RefusedError)
_START = "Upload, paste or take a picture to see the answer."
_ABOUT = Path(__file__).with_name("about.md")


def build(folder: Path, examples: Path, uploads: Uploads) -> gr.Blocks:
    """Make the page for the bundles in `folder`. Raises BundleError if none can be used.

    `examples` is a folder for the example pictures, which are drawn; what visitors send lies in
    `uploads`.
    """
    models = Models.read(folder)
    pictures = draw_examples(examples)
    with CheckedBlocks(
        uploads,
        title="Face classifier",
        analytics_enabled=False,
        delete_cache=(SECONDS_BETWEEN_SWEEPS, SECONDS_KEPT),
    ) as page:
        gr.HTML(markup.header(models))
        with gr.Tab("Photo"):
            _photo_tab(models, pictures)
        with gr.Tab("Batch"):
            _batch_tab(models)
        with gr.Tab("Compare"):
            _compare_tab(models, pictures)
        with gr.Tab("About"):
            _about_tab(models.bundles)
    return page.with_queue()


def _photo_tab(models: Models, examples: list[str]) -> None:
    def show(picture: Upload | None, backbone: str, precision: str) -> str:
        if picture is None:
            return markup.empty(_START)
        classifier = models.load(backbone, precision)
        answer = answers.classify(picture.path, classifier)
        return markup.answer(picture.path, answer, classifier.info.band)

    def classify(picture: Upload | None, backbone: str, precision: str) -> dict[str, Any]:
        """Find the faces in a picture and classify them with one model.

        Returns backbone, precision, milliseconds by part, and faces from left to right: box in
        pixels, detection_score, p_man (calibrated probability of the label "man") and label
        (woman, man or uncertain).
        """
        return answers.classify(_sent(picture), models.load(backbone, precision)).to_dict()

    with gr.Row(equal_height=False):
        with gr.Column():
            picture = _picture("photo", "Photo with one face or more")
            _examples(examples, picture)
        with gr.Column():
            backbone, precision = _choices(models, "photo")
            answer = gr.HTML(markup.empty(_START), elem_id="photo-answer")
    inputs = [picture, backbone, precision]
    _on([picture.change, backbone.change, precision.change], show, inputs, answer)
    _serve(classify, inputs)


def _batch_tab(models: Models) -> None:
    def named(files: list[Upload]) -> list[tuple[str, Path]]:
        return [(file.name, file.path) for file in files]

    def show(
        files: list[Upload],
        backbone: str,
        precision: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
    ) -> str:
        classifier = models.load(backbone, precision)

        def advance(done: int, total: int) -> None:
            progress((done, total), desc="Classifying", unit="pictures")

        return markup.batch(answers.classify_batch(named(files), classifier, advance))

    def classify_batch(files: list[Upload], backbone: str, precision: str) -> list[dict[str, Any]]:
        """Find and classify the faces in many pictures: one row a face.

        The rows have the columns of `python -m inference predict`; a picture without a face, or
        that cannot be read, gives one row with `error` filled.
        """
        return answers.classify_batch(named(files), models.load(backbone, precision))

    with gr.Row(equal_height=False):
        with gr.Column():
            files = gr.File(
                label=f"Up to {answers.MAX_FILES} photos",
                file_count="multiple",
                height=240,
                elem_id="batch-files",
            )
            backbone, precision = _choices(models, "batch")
            start = gr.Button("Classify", variant="primary", elem_id="batch-start")
        with gr.Column():
            answer = gr.HTML(
                markup.empty("Choose photos and press Classify."), elem_id="batch-answer"
            )
    inputs = [files, backbone, precision]
    _on([start.click], show, inputs, answer, "full")
    _serve(classify_batch, inputs)


def _compare_tab(models: Models, examples: list[str]) -> None:
    def show(picture: Upload | None) -> str:
        if picture is None:
            return markup.empty(_START)
        return markup.comparison(picture.path, answers.compare(picture.path, models), models)

    def compare(picture: Upload | None) -> list[dict[str, Any]]:
        """Ask all exported models about one picture: a list of answers as of /classify."""
        return [answer.to_dict() for answer in answers.compare(_sent(picture), models)]

    with gr.Row(equal_height=False):
        with gr.Column():
            picture = _picture("compare", "Photo for all models")
            _examples(examples, picture)
        with gr.Column():
            answer = gr.HTML(markup.empty(_START), elem_id="compare-answer")
    _on([picture.change], show, [picture], answer)
    _serve(compare, [picture])
    gr.Markdown("### The models")
    gr.HTML(markup.models(models.bundles))
    _plot(models.bundles)
    _list_models(models.bundles)


def _list_models(bundles: list[Bundle]) -> None:
    def models() -> list[dict]:
        """List the exported models, the champion first, with the figures measured at export."""
        return [answers.facts(bundle) for bundle in bundles]

    gr.api(models, api_name="models")


def _plot(bundles: list[Bundle]) -> None:
    """Plot accuracy over latency, if the bundles tell them."""
    figures = pd.DataFrame(map(answers.facts, bundles)).dropna(
        subset=["test_accuracy", "latency_ms"]
    )
    if figures.empty:
        return
    gr.ScatterPlot(
        pd.DataFrame(
            {
                "model": [
                    f"{name}, {size:.0f} MB"
                    for name, size in zip(figures["model"], figures["megabytes"], strict=True)
                ],
                "ms a face": figures["latency_ms"].astype(float).round(2),
                "accuracy %": (figures["test_accuracy"].astype(float) * 100).round(2),
            }
        ),
        x="ms a face",
        y="accuracy %",
        color="model",
        y_lim=[
            float(np.floor(figures["test_accuracy"].min() * 100) - 1),
            float(min(100, np.ceil(figures["test_accuracy"].max() * 100) + 1)),
        ],
        x_lim=[0, float(figures["latency_ms"].max() * 1.15)],
        tooltip="all",
        title="Test accuracy and speed",
        height=320,
        elem_id="plot",
    )


def _about_tab(bundles: list[Bundle]) -> None:
    gr.Markdown(_ABOUT.read_text(encoding="utf-8"))
    for bundle in bundles:
        with gr.Accordion(bundle.folder.name, open=False):
            gr.Markdown(
                bundle.card or "This model was exported without a card.", elem_classes="card"
            )


def _picture(tab: str, label: str) -> gr.Image:
    return gr.Image(
        label=label,
        sources=["upload", "webcam", "clipboard"],
        height=380,
        buttons=["fullscreen"],
        elem_id=f"{tab}-picture",
    )


def _choices(models: Models, tab: str) -> tuple[gr.Radio, gr.Radio]:
    with gr.Accordion("Model and precision", open=False, elem_id=f"{tab}-choices"):
        backbone = gr.Radio(
            [(_choice(bundle), bundle.folder.name) for bundle in models.bundles],
            value=models.names[0],
            label="Model, with its accuracy on the test pictures",
            elem_id=f"{tab}-model",
        )
        precision = gr.Radio(
            list(answers.PRECISIONS),
            value=answers.AS_CHECKED,
            label="Precision (as checked: the faster one of those that are correct here)",
            elem_id=f"{tab}-precision",
        )
    return backbone, precision


def _choice(bundle: Bundle) -> str:
    accuracy = bundle.info.metrics.test_accuracy
    return bundle.folder.name + ("" if accuracy is None else f" · {accuracy:.1%}")


def _examples(pictures: list[str], picture: gr.Image) -> None:
    gr.Examples(
        pictures, picture, label="Examples (drawn)", preload=False, api_visibility="private"
    )


def _on(
    triggers: list[Callable],
    show: Callable[..., str],
    inputs: list[Any],
    answer: gr.HTML,
    progress: str = "minimal",
) -> None:
    """Let the page show an answer, or why there is none."""

    @wraps(show)
    def shown(*given: Any) -> str:
        try:
            return show(*given)
        except _REFUSALS as error:
            return markup.failure(answers.told(error))

    # preprocess=False: Pillow reads the upload in `data.decode`, which takes what people have and
    # says what is wrong with the rest. `CheckedBlocks` checks that it is an upload.
    gr.on(
        triggers,
        shown,
        inputs,
        answer,
        preprocess=False,
        api_visibility="private",
        show_progress=progress,
        concurrency_limit=1,
        concurrency_id=_ONE_MODEL,
    )


def _serve(function: Callable[..., Any], inputs: list[Any]) -> None:
    """Offer a function over HTTP under its own name."""

    @wraps(function)
    def answered(*given: Any) -> Any:
        try:
            return function(*given)
        except _REFUSALS as error:
            raise gr.Error(answers.told(error), print_exception=False) from None

    gr.Button(visible=False).click(
        answered,
        inputs,
        gr.JSON(visible=False),
        preprocess=False,
        api_name=function.__name__,
        concurrency_limit=1,
        concurrency_id=_ONE_MODEL,
    )


def _sent(picture: Upload | None) -> Path:
    if picture is None:
        raise RefusedError("no picture was sent")
    return picture.path
