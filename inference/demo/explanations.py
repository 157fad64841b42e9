"""Explanations that the page shows and its API returns, without anything of Gradio."""

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image

from inference.explanation.explainer import Explanation
from inference.explanation.heat_map import CAVEAT, legend_bar
from inference.served.errors import RefusedError
from inference.served.models import ServedModels

MAX_FACES = 12
"""Largest number of faces that are explained at once: the largest ones."""

_SIDE = 240  # pixels of a drawn map


@dataclass(frozen=True)
class Explained:
    """The explained faces of a picture.

    Attributes:
        explanations: Explanation of each face, in the order of their numbers.
        left_out: Number of smaller faces that are not explained.
    """

    explanations: list[Explanation]
    left_out: int = 0

    def to_list(self) -> list[dict[str, object]]:
        """Return the explanations as the API's JSON has them, each with its drawing as `image`."""
        return [why.to_dict() | {"image": _drawn(why)} for why in self.explanations]


def explain(
    picture: Path,
    models: ServedModels,
    name: str,
    precision: str,
    label: object = None,
    number: object = None,
) -> Explained:
    """Find what a model's predictions for the faces in a picture rest on.

    Args:
        picture: Path of the picture.
        models: Models to choose from.
        name: Name of the model, as visitors send it.
        precision: One of `inference.served.models.PRECISIONS`, as visitors send it.
        label: Name of a label, as visitors send it; None or "" for the model's first.
        number: Number of a face, from 1, as visitors send it; None or 0 for all.

    Raises:
        RefusedError: There is no such model, precision, label or face.
        data.ImageError: The picture cannot be read.
        BundleError: The model is damaged.
    """
    classifier = models.load(name, precision)
    offered = [info.name for info in classifier.info.labels]
    if label and label not in offered:
        raise RefusedError(
            f"this model does not predict that label: it predicts {', '.join(offered[:5])}"
        )
    chosen = str(label) if label else None
    prepared = classifier.prepare(picture).faces
    [faces] = classifier.label([prepared])
    pairs = list(zip(faces, prepared, strict=True))
    if number:
        pairs = [(face, one) for face, one in pairs if face.number == number]
        if not pairs:
            raise RefusedError(f"there is no face of that number: {len(faces)} were found")
    by_size = sorted(pairs, key=lambda pair: -pair[0].box.width * pair[0].box.height)
    shown = sorted(by_size[:MAX_FACES], key=lambda pair: pair[0].index)
    explanations = [classifier.explain_face(face, one.pixels, chosen) for face, one in shown]
    return Explained(explanations, len(pairs) - len(shown))


def explanations_markup(explained: Explained) -> str:
    """Write the explained faces with the legend; every text from outside is escaped.

    Args:
        explained: Explained faces of a picture.

    Returns:
        HTML.

    Example:
        >>> explanations_markup(Explained([]))
        '<div class="result why"><p>No face was found, so there is nothing to explain.</p></div>'
    """
    if not explained.explanations:
        text = "No face was found, so there is nothing to explain."
        return f'<div class="result why"><p>{text}</p></div>'
    figures = "".join(map(_figure, explained.explanations))
    methods = dict.fromkeys(why.method for why in explained.explanations)
    more = explained.left_out and f"<p>{explained.left_out} smaller faces are not explained.</p>"
    return f"""<div class="result why">
<div style="display: flex; flex-wrap: wrap; gap: 1rem">{figures}</div>{more or ""}
<p><img alt="" src="{_data_uri(legend_bar(160, 12))}" style="display: inline; margin: 0 .5rem 0 0">
<b>none to most: {CAVEAT}.</b></p>
<p class="small">{escape("; ".join(methods))}. A map says where the model looked in this photo, as
far as this method can tell. It does not say that this is a good reason, and nothing about the
person; another model or another crop has another map. It is not kept.</p></div>"""


def _figure(why: Explanation) -> str:
    head = f"{why.face.number}: {escape(why.question)}"
    alt = escape(f"Heat map of face {why.face.number} in gray; {why.finding}", quote=True)
    style = "margin: 0; width: min(15rem, 100%)"
    return f"""<figure style="{style}"><img alt="{alt}" src="{_drawn(why)}"
width="{_SIDE}" height="{_SIDE}" style="margin: 0"><figcaption><b><bdi>{head}</bdi></b><br>
<bdi>{escape(why.finding)}</bdi></figcaption></figure>"""


def _drawn(why: Explanation) -> str:
    return _data_uri(why.heat_map.over(why.pixels, _SIDE))


def _data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
