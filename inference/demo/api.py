"""The functions that the page offers over HTTP, with the same checks as the page itself."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from inference.demo import predictions
from inference.demo.errors import EXPECTED_ERRORS, RefusedError, message_for
from inference.demo.guards.uploads import Upload
from inference.demo.served_models import ModelFigures, ServedModels
from inference.predict.outputs import Row

ONE_MODEL = "model"
"""Group of the functions that run one at a time, as a run of a model uses all cores already."""


class Api:
    """The functions, by their names over HTTP; Gradio publishes what their docstrings say.

    Args:
        models: Models to use.
    """

    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def classify(self, picture: Upload | None, backbone: str, precision: str) -> dict[str, object]:
        """Find the faces in a picture and classify them with one model.

        Args:
            picture: Image file, of up to 20 MB.
            backbone: Name of a model, as /models lists them.
            precision: "as checked" (the faster one that passed its check here), "int8" or "fp32".

        Returns:
            backbone, precision, milliseconds by part, and faces from left to right: box in pixels,
            detection_score, p_man (calibrated probability of the label "man"), label (woman, man
            or uncertain: what annotators would have perceived, not a person's gender) and quality.
        """
        classifier = self._models.load(backbone, precision)
        return predictions.classify(_path(picture), classifier).to_dict()

    def classify_batch(self, files: list[Upload], backbone: str, precision: str) -> list[Row]:
        """Find and classify the faces in many pictures: one row a face.

        Args:
            files: Image files, at most 200.
            backbone: Name of a model, as /models lists them.
            precision: "as checked" (the faster one that passed its check here), "int8" or "fp32".

        Returns:
            Rows with the columns of `python -m inference predict`; a picture without a face, or
            that cannot be read, has one row with `error` filled.
        """
        return predictions.classify_batch(files, self._models.load(backbone, precision))

    def compare(self, picture: Upload | None) -> list[dict[str, object]]:
        """Classify the faces in one picture with all exported models.

        Args:
            picture: Image file, of up to 20 MB.

        Returns:
            One prediction a model, each like the one of /classify.
        """
        return [one.to_dict() for one in predictions.compare(_path(picture), self._models)]

    def models(self) -> list[dict[str, object]]:
        """List the exported models, the champion first, with the figures measured at export.

        Returns:
            model, test_accuracy and its 95 % interval, precision, latency_ms, throughput,
            megabytes, and synthetic (true: the figures only show that the pipeline works).
        """
        return [ModelFigures.of(bundle).to_dict() for bundle in self._models.bundles]


def publish(function: Callable[..., Any], inputs: Sequence[Component]) -> None:
    """Offer a function over HTTP under its own name.

    Args:
        function: Method of `Api`; what it returns is sent as JSON.
        inputs: Components of the page that check the function's arguments.
    """

    @wraps(function)
    def answered(*given: Any) -> Any:
        try:
            return function(*given)
        except EXPECTED_ERRORS as error:
            raise gr.Error(message_for(error), print_exception=False) from None

    gr.Button(visible=False).click(
        answered,
        inputs,
        gr.JSON(visible=False),
        preprocess=False,
        api_name=function.__name__,
        concurrency_limit=1,
        concurrency_id=ONE_MODEL,
    )


def _path(picture: Upload | None) -> Path:
    if picture is None:
        raise RefusedError("no picture was sent")
    return picture.path
