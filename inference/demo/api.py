"""The functions that the page offers over HTTP, with the same checks as the page itself."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from inference.demo import explanations, predictions
from inference.demo.guards.uploads import Upload
from inference.predict.rows import Row
from inference.served.errors import EXPECTED_ERRORS, RefusedError, message_for
from inference.served.models import ServedModels

ONE_MODEL = "model"
"""Group of the functions that run one at a time, as a run of a model uses all cores already."""


class Api:
    """The functions, by their names over HTTP.

    Gradio publishes what stands before the arguments in their docstrings: for visitors, this is the
    documentation.

    Args:
        models: Exported models that visitors may choose from.

    Example:
        >>> Api(ServedModels(Path("artifacts/models"))).compare(None)
        Traceback (most recent call last):
        inference.served.errors.RefusedError: no picture was sent
    """

    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def classify(self, picture: Upload | None, backbone: str, precision: str) -> dict[str, object]:
        """Find the faces in a picture and classify them with one model.

        The prediction has the backbone (the model's name), its labels with their classes, the
        precision, the milliseconds that each part took, and the faces by rows (top to bottom, left
        to right in each): box in pixels, detection_score, what the model says on its label, and
        quality. Of a model of gender that is label (woman, man or uncertain) and p_man; of any
        other one label (a class or uncertain), probability (of that class, or of the likeliest
        one) and p_CLASS of each class, all calibrated; of several labels label:NAME,
        probability:NAME and p_CLASS:NAME of each. A label is what annotators would have perceived
        in the photo, not what the person is. The precision "as checked" is the faster one that
        passes its check on this machine.

        Args:
            picture: Picture that was uploaded.
            backbone: Name of a model, as /models lists them.
            precision: Precision to use, one of `served.models.PRECISIONS`.

        Returns:
            The prediction, as JSON has it.

        Raises:
            RefusedError: There is no picture, or no such model or precision.
            ImageError: The picture cannot be read.
            BundleError: The model is damaged.
        """
        return predictions.classify(_path(picture), self._models, backbone, precision).to_dict()

    def explain(
        self,
        picture: Upload | None,
        backbone: str,
        precision: str,
        label: str | None = None,
        face: float | None = None,
    ) -> list[dict[str, object]]:
        """Find what one model's predictions for the faces in a picture rest on.

        The list has for each face its index, the label and the class that are explained (the one
        that was named, or the likeliest), the probability, the method, and the map: rows of
        numbers over the square that the model saw, in log-odds of the class. The method is "class
        activation map", which is exact, or "occlusion": how much is lost where a spot is blurred;
        covered_probability is what is left without the strongest spot. The image is the map over
        the face as a data URI. It is what the prediction rests on; not a proof.

        Args:
            picture: Picture that was uploaded.
            backbone: Name of a model, as /models lists them.
            precision: Precision to use, one of `served_models.PRECISIONS`.
            label: Name of the label to explain; empty for the model's first.
            face: Number of the face, from 1; 0 for the `explanations.MAX_FACES` largest.

        Returns:
            The explanations, as JSON has them.

        Raises:
            RefusedError: There is no picture, or no such model, precision, label or face.
            ImageError: The picture cannot be read.
            BundleError: The model is damaged.
        """
        path = _path(picture)
        return explanations.explain(path, self._models, backbone, precision, label, face).to_list()

    def classify_batch(self, files: list[Upload], backbone: str, precision: str) -> list[Row]:
        """Find and classify the faces in many pictures: one row for each face.

        The rows have the columns of `python -m inference predict`; a picture without a face, or
        that cannot be read, has one row with `error` filled.

        Args:
            files: Pictures that were uploaded, at most `predictions.MAX_FILES`.
            backbone: Name of a model, as /models lists them.
            precision: Precision to use, one of `served.models.PRECISIONS`.

        Returns:
            The rows, as JSON has them.

        Raises:
            RefusedError: There are no pictures, too many, or no such model or precision.
            BundleError: The model is damaged.
        """
        return predictions.classify_batch(files, self._models.load(backbone, precision)).rows()

    def compare(self, picture: Upload | None) -> list[dict[str, object]]:
        """Classify the faces in one picture with all exported models.

        The list has one prediction for each model, like the one of /classify. Compare only models
        of the same labels, which each prediction names.

        Args:
            picture: Picture that was uploaded.

        Returns:
            The predictions, as JSON has them.

        Raises:
            RefusedError: There is no picture.
            ImageError: The picture cannot be read.
            BundleError: All models are damaged.
        """
        return [one.to_dict() for one in predictions.compare(_path(picture), self._models)]

    def models(self) -> list[dict[str, object]]:
        """List the exported models, the champion first, with the figures measured at export.

        Each names its labels with their classes. A model with synthetic true was trained on drawn
        faces, and its figures only show that the pipeline works.

        Returns:
            The fields of `served.models.ModelFigures`, as JSON has them.
        """
        return [figures.to_dict() for figures in self._models.figures]


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
