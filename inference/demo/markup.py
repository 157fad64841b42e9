"""The page's HTML: header, predictions and tables. Every text from outside is escaped.

What concerns labels is in `inference.demo.label_markup`.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict, replace
from html import escape
from pathlib import Path

import pandas as pd

from data import GENDER, Label, decode_reduced
from inference.annotation import annotate
from inference.bundle import LabelInfo
from inference.demo.label_markup import entry, legend, notices, said, summary, word
from inference.demo.predictions import Batch, PicturePrediction
from inference.faces import Face, Prediction
from inference.predict.outcomes import Outcome
from inference.predict.rows import csv_text
from inference.served.models import ModelFigures, ServedModels
from inference.served.origin import WHY

_ROWS_SHOWN = 100  # of a batch; all are in the CSV
_LONG_SIDE = 900  # pixels of the marked picture


def header(models: ServedModels) -> str:
    """Write the title, with a warning if models were trained on drawn faces or are missing.

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
            f"{next(iter(models.names), 'none')}; the server's log says more."
        )
    withheld = [
        f"{word(label.name)} ({name})"
        for name, labels in models.withheld.items()
        for label in labels
    ]
    if withheld:
        banners.append(
            f"<b>Not offered:</b> {', '.join(withheld)}. {WHY} About has the model cards."
        )
    notes = "".join(f'<p class="banner" role="note">{banner}</p>' for banner in banners)
    return f"""<header><h1>Face classifier</h1>
<p>{_question(models.labels)}</p>
{notes}</header>"""


def _question(labels: Sequence[Label]) -> str:
    if not labels:
        return "What is predicted here, and why it is not offered."
    if list(labels) == [GENDER]:
        return "Would annotators have labeled these faces woman or man, and how sure is the model?"
    names = escape(summary(label.name for label in labels))
    return f"What would annotators have said of these faces ({names}), and how sure is the model?"


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


def prediction(picture: Path, given: PicturePrediction, infos: Sequence[LabelInfo]) -> str:
    """Write the marked picture, an entry for each face, and the time that each part took.

    Args:
        picture: Path of the picture that was classified.
        given: What the model predicts for the picture.
        infos: The model's labels, which say from when on a class is named.

    Returns:
        HTML.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> from inference.demo.predictions import Milliseconds
        >>> took = Milliseconds(4.0, 20.0, 0.0, 0.0)
        >>> given = PicturePrediction("vgg16", (GENDER,), "int8", took, faces=[])
        >>> info = LabelInfo(name="gender", classes=GENDER.classes, output="p_man")
        >>> with tempfile.NamedTemporaryFile(suffix=".png") as file:
        ...     Image.new("RGB", (60, 40)).save(file.name)
        ...     html = prediction(Path(file.name), given, [info])
        >>> "<h3>No face found</h3>" in html, "<dt>detect</dt><dd>20.0 ms</dd>" in html
        (True, True)
    """
    faces = "".join(entry(face, infos) for face in given.faces)
    took = asdict(given.milliseconds)
    return f"""<div class="result" role="status">
<h3>{_faces_found(given.faces)}</h3>
{_marked(picture, given.faces)}
<ol class="faces">{faces}</ol>
{legend(infos) if given.faces else "<p>Try a larger or sharper picture, seen from the front.</p>"}
<dl>{"".join(_part(name, milliseconds) for name, milliseconds in took.items())}
<div><dt>model</dt><dd>{escape(given.backbone)}, {given.precision}</dd></div></dl>
{notices(given.labels)}</div>"""


def _faces_found(faces: Sequence[Face]) -> str:
    return {0: "No face found", 1: "One face"}.get(len(faces), f"{len(faces)} faces")


def _part(name: str, milliseconds: float) -> str:
    return f"<div><dt>{name}</dt><dd>{milliseconds:.1f} ms</dd></div>"


def _marked(picture: Path, faces: Sequence[Face]) -> str:
    """Write the picture with its faces marked as an image that lies nowhere but in the page.

    The captions are of the first label: more would hide the faces, and stand below.
    """
    image, factor = decode_reduced(picture, _LONG_SIDE)
    whole = max(image.size) * factor
    image.thumbnail((_LONG_SIDE, _LONG_SIDE))
    jpeg = io.BytesIO()
    captioned = [replace(face, predictions=face.predictions[:1]) for face in faces]
    annotate(image, captioned, whole / max(image.size)).save(jpeg, "JPEG", quality=85)
    link = _data_link("image/jpeg", jpeg.getvalue())
    alt = f"The picture: {_faces_found(faces).lower()} marked"
    return f'<img class="marked" src="{link}" alt="{alt}">'


def batch(given: Batch) -> str:
    """Write what a batch gave as a table, and a link to all of it as CSV.

    Args:
        given: What the model predicts for each file.

    Returns:
        HTML.

    Example:
        >>> given = Batch((GENDER,), [("a.jpg", Outcome(Path("upload"), error="no face found"))])
        >>> "<h3>0 faces in 1 file</h3>" in batch(given)
        True
    """
    csv = csv_text(given.rows(), given.labels)
    link = _data_link("text/csv;charset=utf-8", csv.encode(errors="replace"))
    faces = sum(len(outcome.faces) for _, outcome in given.outcomes)
    heads = "".join(f"<th>{word(label.name)}</th>" for label in given.labels)
    rows = [row for name, outcome in given.outcomes for row in _batch_rows(name, outcome, given)]
    is_cut = len(rows) > _ROWS_SHOWN
    more = f"<p>The first {_ROWS_SHOWN} rows; the CSV has all.</p>" if is_cut else ""
    return f"""<div class="result" role="status">
<h3>{_counted(faces, "face")} in {_counted(len(given.outcomes), "file")}</h3>
<p><a class="download" download="faces.csv" href="{link}">Download the CSV</a></p>
<div class="scroll" tabindex="0" role="region" aria-label="faces found">
<table class="figures"><thead><tr><th>File</th><th>Face</th>{heads}</tr>
</thead><tbody>{"".join(rows[:_ROWS_SHOWN])}</tbody></table></div>{more}
{notices(given.labels)}</div>"""


def _batch_rows(name: str, outcome: Outcome, given: Batch) -> list[str]:
    file = f'<td class="file">{escape(name)}</td>'
    if not outcome.faces:
        error = escape(outcome.error)
        return [f'<tr>{file}<td colspan="{1 + len(given.labels)}">{error}</td></tr>']
    return [
        f"<tr>{file}<td>{face.number}</td>{''.join(map(_cell, face.predictions))}</tr>"
        for face in outcome.faces
    ]


def _cell(prediction: Prediction) -> str:
    return f"<td>{said(prediction)}</td>"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def comparison(picture: Path, given: Sequence[PicturePrediction], models: ServedModels) -> str:
    """Write for each label that models share what each of them predicts for each face.

    Args:
        picture: Path of the picture that was classified.
        given: One prediction a model that could be used, at least one.
        models: Models of the page.

    Returns:
        HTML.
    """
    faces = given[0].faces
    labels = list(dict.fromkeys(label for one in given for label in one.labels))
    shared = [one for one in labels if len(given) == 1 or len(_of(one, given)) > 1]
    alone = [one for one in labels if one not in shared]
    tables = "".join(_compared(label, _of(label, given)) for label in shared)
    used = {one.backbone for one in given}
    unused = [name for name in models.names if name not in used]
    missing = f"<p>Damaged and left out: {', '.join(unused)}.</p>" if unused else ""
    return f"""<div class="result" role="status">
<h3>{_faces_found(faces)}</h3>{_marked(picture, faces)}
{tables}{_not_compared(alone, given)}
<p class="small">The captions in the picture are of the first model's first label. %: probability
of the class. ms: time to classify all faces of the picture on all labels of the model.</p>{missing}
{notices(labels)}</div>"""


def _of(label: Label, given: Sequence[PicturePrediction]) -> list[PicturePrediction]:
    return [one for one in given if label in one.labels]


def _compared(label: Label, given: Sequence[PicturePrediction]) -> str:
    heads = "".join(f"<th>Face {face.number}</th>" for face in given[0].faces)
    rows = "".join(
        f"<tr><td>{escape(one.backbone)} <small>{one.precision}</small></td>"
        f"{''.join(_cell(face[label.name]) for face in one.faces)}"
        f"<td>{one.milliseconds.classify:.1f}</td></tr>"
        for one in given
    )
    name = escape(f"predictions of {label.name} by {len(given)} models")
    return f"""<h4>{word(label.name)}</h4>
<div class="scroll" tabindex="0" role="region" aria-label="{name}">
<table class="figures"><thead><tr><th>Model</th>{heads}<th>ms</th></tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _not_compared(labels: Sequence[Label], given: Sequence[PicturePrediction]) -> str:
    if not labels:
        return ""
    each = [f"{word(one.name)} ({escape(_of(one, given)[0].backbone)})" for one in labels]
    return (
        f"<p>Not compared, as only one model predicts each, with its classes: {', '.join(each)}. "
        "The tab Photo shows them.</p>"
    )


def models(figures: Sequence[ModelFigures]) -> str:
    """Write the table of the models with the figures measured at export.

    Args:
        figures: Figures of the models, in rank order.

    Returns:
        HTML.

    Example:
        >>> labels = {"gender": ("woman", "man")}
        >>> interval = (0.96, 0.98)
        >>> vgg16 = ModelFigures("vgg16", labels, 0.971, interval, "int8", 8.0, None, 14.9, False)
        >>> html = models([vgg16])
        >>> "<td>96.0% to 98.0%</td>" in html, html.count("<td>-</td>")  # no throughput
        (True, 1)
    """
    rows = [
        {
            "Model": one.model,
            "Labels": summary(one.labels),
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
    html = pd.DataFrame(rows).to_html(index=False, border=0, classes="figures models")
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="models">{html}</div>
<p class="small">The first model is used where none is chosen. Speed was measured at export, in the
precision shown: one face at a time, and 16 together. Accuracies of different labels do not compare;
that of several labels is their mean.</p>"""


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _data_link(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
