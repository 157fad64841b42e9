"""The page's HTML: header, predictions and tables. Every text from outside is escaped."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

from data import decode_reduced
from inference.annotation import annotate
from inference.bundle import Band
from inference.demo.predictions import Prediction
from inference.demo.served_models import ModelFigures, ServedModels
from inference.detection.alignment import LEAST_QUALITY
from inference.faces import Face
from inference.predict.rows import Row, csv_text

_ROWS_SHOWN = 100  # of a batch; all are in the CSV
_LONG_SIDE = 900  # pixels of the marked picture

_PERCEIVED = (
    '<p class="small">Labels are what annotators would most likely have perceived, not a '
    "person's gender.</p>"
)


def header(models: ServedModels) -> str:
    """Write the title, with a warning if models were trained on drawn faces or are left out.

    Args:
        models: Models of the page.

    Returns:
        HTML.
    """
    drawn = [bundle.folder.name for bundle in models.bundles if bundle.info.synthetic]
    banners = []
    if drawn:
        banners.append(
            f"<b>Trained on drawn faces:</b> {', '.join(drawn)}. These predictions only show that "
            "the pipeline works; on photos of people they mean nothing."
        )
    if models.left_out:
        banners.append(
            f"<b>Damaged and left out:</b> {', '.join(models.left_out)}. The default model is "
            f"{models.names[0]}; the server's log says more."
        )
    notes = "".join(f'<p class="banner" role="note">{banner}</p>' for banner in banners)
    return f"""<header><h1>Face classifier</h1>
<p>Would annotators have labeled these faces woman or man, and how sure is the model?</p>
{notes}</header>"""


def empty(text: str) -> str:
    """Write what stands in a result's place while there is none.

    Args:
        text: Words for the visitor.

    Returns:
        HTML.

    Example:
        >>> empty("Take a picture.")
        '<div class="result empty"><p>Take a picture.</p></div>'
    """
    return f'<div class="result empty"><p>{escape(text)}</p></div>'


def failure(text: str) -> str:
    """Write a result that says why there is no prediction.

    Args:
        text: Words for the visitor.

    Returns:
        HTML.

    Example:
        >>> failure("<b> failed.")
        '<div class="result" role="alert"><h3>No prediction</h3><p>&lt;b&gt; failed.</p></div>'
    """
    return f'<div class="result" role="alert"><h3>No prediction</h3><p>{escape(text)}</p></div>'


def prediction(picture: Path, given: Prediction, band: Band | None) -> str:
    """Write the marked picture, an entry for each face, and the time that each part took.

    Args:
        picture: Path of the picture that was classified.
        given: What the model predicts for the picture.
        band: Probabilities between which the model says "uncertain", if it has such.

    Returns:
        HTML.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> from inference.demo.predictions import Milliseconds
        >>> given = Prediction("vgg16", "int8", Milliseconds(4.0, 20.0, 0.0, 0.0), faces=[])
        >>> with tempfile.NamedTemporaryFile(suffix=".png") as file:
        ...     Image.new("RGB", (60, 40)).save(file.name)
        ...     html = prediction(Path(file.name), given, band=None)
        >>> "<h3>No face found</h3>" in html, "<dt>detect</dt><dd>20.0 ms</dd>" in html
        (True, True)
    """
    faces = "".join(_face(face, band) for face in given.faces)
    took = given.milliseconds
    parts = {
        "decode": took.decode,
        "detect": took.detect,
        "align": took.align,
        "classify": took.classify,
    }
    return f"""<div class="result" role="status">
<h3>{_faces_found(given.faces)}</h3>
{_marked(picture, given.faces)}
<ol class="faces">{faces}</ol>
{_legend(band) if given.faces else "<p>Try a larger or sharper picture, seen from the front.</p>"}
<dl>{"".join(_part(name, milliseconds) for name, milliseconds in parts.items())}
<div><dt>model</dt><dd>{escape(given.backbone)}, {given.precision}</dd></div></dl>
{_PERCEIVED}</div>"""


def _faces_found(faces: Sequence[Face]) -> str:
    return {0: "No face found", 1: "One face"}.get(len(faces), f"{len(faces)} faces")


def _part(name: str, milliseconds: float) -> str:
    return f"<div><dt>{name}</dt><dd>{milliseconds:.1f} ms</dd></div>"


def _legend(band: Band | None) -> str:
    if not band:
        return ""
    return (
        '<p class="small">Where the probability of man is between '
        f"{band.low:.0%} and {band.high:.0%} (shaded), the label is uncertain.</p>"
    )


def _marked(picture: Path, faces: Sequence[Face]) -> str:
    """Write the picture with its faces marked as an image that lies nowhere but in the page."""
    image, factor = decode_reduced(picture, _LONG_SIDE)
    whole = max(image.size) * factor
    image.thumbnail((_LONG_SIDE, _LONG_SIDE))
    jpeg = io.BytesIO()
    annotate(image, faces, whole / max(image.size)).save(jpeg, "JPEG", quality=85)
    link = _data_link("image/jpeg", jpeg.getvalue())
    alt = f"The picture: {_faces_found(faces).lower()} marked"
    return f'<img class="marked" src="{link}" alt="{alt}">'


def _face(face: Face, band: Band | None) -> str:
    low, high = (band.low, band.high) if band else (0.0, 0.0)
    number = f"<b>{face.number}</b>"
    if face.quality is not None and face.quality < LEAST_QUALITY:  # a percentage would mislead
        return f"""<li><div class="label">{number} Uncertain: turned away, hidden or no face</div>
</li>"""
    label = "Uncertain" if face.label == "uncertain" else f"Perceived as a {face.label}"
    return f"""<li><div class="label">{number} {label}</div>
<div class="ends"><span>woman <b>{1 - face.p_man:.1%}</b></span>
<span>man <b>{face.p_man:.1%}</b></span></div>
<div class="scale" role="img" aria-label="probability of man: {face.p_man:.1%}">
<div class="band" style="left:{low:.1%};width:{high - low:.1%}"></div>
<div class="probability" style="left:{face.p_man:.1%}"></div></div></li>"""


def batch(rows: Sequence[Row]) -> str:
    """Write the rows of a batch as a table, and a link to all of them as CSV.

    Args:
        rows: Rows as `inference.demo.predictions.classify_batch` returns them.

    Returns:
        HTML.

    Example:
        >>> from inference.predict.rows import FIELDS
        >>> row = dict.fromkeys(FIELDS) | {"file": "a.jpg", "face": 0, "p_man": 0.25}
        >>> "<h3>1 face in 1 file</h3>" in batch([row])
        True
    """
    link = _data_link("text/csv;charset=utf-8", csv_text(rows).encode(errors="replace"))
    faces = sum(not row["error"] for row in rows)
    files = sum(not row["face"] for row in rows)  # one row a file has no face or the first one
    body = "".join(map(_batch_row, rows[:_ROWS_SHOWN]))
    more = (
        f"<p>The first {_ROWS_SHOWN} rows; the CSV has all.</p>" if len(rows) > _ROWS_SHOWN else ""
    )
    return f"""<div class="result" role="status">
<h3>{_counted(faces, "face")} in {_counted(files, "file")}</h3>
<p><a class="download" download="faces.csv" href="{link}">Download the CSV</a></p>
<div class="scroll" tabindex="0" role="region" aria-label="faces found">
<table class="figures"><thead><tr><th>File</th><th>Face</th><th>P(man)</th><th>Label</th></tr>
</thead><tbody>{body}</tbody></table></div>{more}
{_PERCEIVED}</div>"""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _batch_row(row: Row) -> str:
    name = f'<td class="file">{escape(str(row["file"]))}</td>'
    p_man = row["p_man"]
    if not isinstance(p_man, float):
        return f'<tr>{name}<td colspan="3">{escape(str(row["error"]))}</td></tr>'
    number = int(row["face"] or 0) + 1
    return f"<tr>{name}<td>{number}</td><td>{p_man:.1%}</td><td>{row['label']}</td></tr>"


def comparison(picture: Path, predictions: Sequence[Prediction], models: ServedModels) -> str:
    """Write every model's prediction for each face, and which models made none.

    Args:
        picture: Path of the picture that was classified.
        predictions: One prediction a model that could be used, at least one.
        models: Models of the page.

    Returns:
        HTML.
    """
    faces = predictions[0].faces
    heads = "".join(f"<th>Face {face.number}</th>" for face in faces)
    rows = "".join(
        f"<tr><td>{escape(one.backbone)}<br><small>{one.precision}</small></td>"
        f"{''.join(map(_cell, one.faces))}<td>{one.milliseconds.classify:.1f}</td></tr>"
        for one in predictions
    )
    used = {one.backbone for one in predictions}
    unused = [one.folder.name for one in models.bundles if one.info.backbone not in used]
    missing = f"<p>Damaged and left out: {', '.join(unused)}.</p>" if unused else ""
    return f"""<div class="result" role="status">
<h3>{_faces_found(faces)}</h3>{_marked(picture, faces)}
<div class="scroll" tabindex="0" role="region" aria-label="predictions of all models">
<table class="figures"><thead><tr><th>Model</th>{heads}<th>ms</th></tr></thead>
<tbody>{rows}</tbody></table></div>
<p class="small">The captions in the picture are the first model's. %: probability of man. ms: time
to classify all faces of the picture.</p>{missing}{_PERCEIVED}</div>"""


def _cell(face: Face) -> str:
    return f"<td>{face.label}<br><small>{face.p_man:.1%}</small></td>"


def models(figures: Sequence[ModelFigures]) -> str:
    """Write the table of the models with the figures measured at export.

    Args:
        figures: Figures of the models, in rank order.

    Returns:
        HTML.

    Example:
        >>> vgg16 = ModelFigures("vgg16", 0.971, (0.96, 0.98), "int8", 8.0, None, 14.9, False)
        >>> html = models([vgg16])
        >>> "<td>96.0% to 98.0%</td>" in html, html.count("<td>-</td>")  # no throughput
        (True, 1)
    """
    rows = [
        {
            "Model": one.model,
            "Test accuracy": _number(one.test_accuracy, ".1%"),
            "95% interval": " to ".join(
                _number(end, ".1%") for end in one.test_accuracy_interval or (None,)
            ),
            "Precision": one.precision,
            "ms per face": _number(one.latency_ms, ".1f"),
            "Faces per second": _number(one.throughput, ".0f"),
            "MB": _number(one.megabytes, ".1f"),
        }
        for one in figures
    ]
    html = pd.DataFrame(rows).to_html(index=False, border=0, classes="figures")
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="models">{html}</div>
<p class="small">The first model is used where none is chosen. Speed was measured at export, in the
precision shown: one face at a time, and 16 together.</p>"""


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _data_link(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
