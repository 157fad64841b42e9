"""The page's HTML: answers, tables and the header. Every text from outside is escaped."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

from data import decode_reduced
from inference.annotation import annotate
from inference.bundle import Band, Bundle
from inference.demo.answers import Answer, Models, facts
from inference.detection.alignment import LEAST_QUALITY
from inference.faces import Face
from inference.predict.outputs import Row, csv_text

_SHOWN = 100  # rows of a batch; all are in the CSV
_LONG_SIDE = 900  # pixels of the marked picture

_PERCEIVED = (
    '<p class="small">What annotators would most likely have perceived, not who a person is.</p>'
)


def header(models: Models) -> str:
    """Return the title, with a warning if models learned from drawn faces or are left out."""
    drawn = [bundle.folder.name for bundle in models.bundles if bundle.info.synthetic]
    banners = []
    if drawn:
        banners.append(
            f"<b>Trained on drawn faces:</b> {', '.join(drawn)}. This shows that the program "
            "works; on photos of people the answers mean nothing."
        )
    if models.left_out:
        banners.append(
            f"<b>Damaged and left out:</b> {', '.join(models.left_out)}. The first model here is "
            f"{models.names[0]}; the server's log says more."
        )
    notes = "".join(f'<p class="banner" role="note">{banner}</p>' for banner in banners)
    return f"""<header><h1>Face classifier</h1>
<p>Would annotators have labelled these faces woman or man, and how sure is the model?</p>
{notes}</header>"""


def empty(text: str) -> str:
    """Return the answer's place while there is none."""
    return f'<div class="answer empty"><p>{escape(text)}</p></div>'


def failure(text: str) -> str:
    """Return an answer that says why there is none."""
    return f'<div class="answer" role="alert"><h3>No answer</h3><p>{escape(text)}</p></div>'


def answer(picture: Path, given: Answer, band: Band | None) -> str:
    """Return the marked picture, a row a face, and the time that each part took."""
    faces = "".join(_face(face, band) for face in given.faces)
    return f"""<div class="answer" role="status">
<h3>{_count(given.faces)}</h3>
{marked(picture, given.faces)}
<ol class="faces">{faces}</ol>
{_legend(band) if given.faces else "<p>Try a larger or sharper picture, seen from the front.</p>"}
<dl>{"".join(_part(name, took) for name, took in given.milliseconds.items())}
<div><dt>answered by</dt><dd>{escape(given.backbone)}, {given.precision}</dd></div></dl>
{_PERCEIVED}</div>"""


def _count(faces: Sequence[Face]) -> str:
    return {0: "No face found", 1: "One face"}.get(len(faces), f"{len(faces)} faces")


def _part(name: str, milliseconds: float) -> str:
    return f"<div><dt>{name}</dt><dd>{milliseconds:.1f} ms</dd></div>"


def _legend(band: Band | None) -> str:
    if not band:
        return ""
    return (
        f'<p class="small">Between {band.low:.0%} and {band.high:.0%} (shaded) the model does '
        "not decide: uncertain.</p>"
    )


def marked(picture: Path, faces: Sequence[Face]) -> str:
    """Return the picture with its faces marked as an image that lies nowhere but in the page."""
    image, factor = decode_reduced(picture, _LONG_SIDE)
    whole = max(image.size) * factor
    image.thumbnail((_LONG_SIDE, _LONG_SIDE))
    jpeg = io.BytesIO()
    annotate(image, faces, whole / max(image.size)).save(jpeg, "JPEG", quality=85)
    link = _data_link("image/jpeg", jpeg.getvalue())
    return f'<img class="marked" src="{link}" alt="The picture: {_count(faces).lower()} marked">'


def _face(face: Face, band: Band | None) -> str:
    low, high = (band.low, band.high) if band else (0.0, 0.0)
    number = f"<b>{face.number}</b>"
    if face.quality is not None and face.quality < LEAST_QUALITY:  # a percentage would mislead
        return f"""<li><div class="verdict">{number} Uncertain: turned away, hidden or no face</div>
</li>"""
    verdict = "Uncertain" if face.label == "uncertain" else f"Perceived as a {face.label}"
    return f"""<li><div class="verdict">{number} {verdict}</div>
<div class="ends"><span>woman <b>{1 - face.p_man:.1%}</b></span>
<span>man <b>{face.p_man:.1%}</b></span></div>
<div class="scale" role="img" aria-label="probability of man: {face.p_man:.1%}">
<div class="band" style="left:{low:.1%};width:{high - low:.1%}"></div>
<div class="mark" style="left:{face.p_man:.1%}"></div></div></li>"""


def batch(rows: Sequence[Row]) -> str:
    """Return the rows of a batch as a table, and a link to all of them as CSV."""
    link = _data_link("text/csv;charset=utf-8", csv_text(rows).encode(errors="replace"))
    faces = sum(not row["error"] for row in rows)
    files = sum(not row["face"] for row in rows)  # one row a file has no face or the first one
    body = "".join(map(_batch_row, rows[:_SHOWN]))
    more = f"<p>The first {_SHOWN} rows; the CSV has all.</p>" if len(rows) > _SHOWN else ""
    return f"""<div class="answer" role="status">
<h3>{faces} faces in {files} files</h3>
<p><a class="download" download="faces.csv" href="{link}">Download the CSV</a></p>
<div class="scroll" tabindex="0" role="region" aria-label="faces found">
<table class="figures"><thead><tr><th>File</th><th>Face</th><th>P(man)</th><th>Answer</th></tr>
</thead><tbody>{body}</tbody></table></div>{more}
{_PERCEIVED}</div>"""


def _batch_row(row: Row) -> str:
    name = f'<td class="file">{escape(str(row["file"]))}</td>'
    p_man = row["p_man"]
    if not isinstance(p_man, float):
        return f'<tr>{name}<td colspan="3">{escape(str(row["error"]))}</td></tr>'
    number = int(row["face"] or 0) + 1
    return f"<tr>{name}<td>{number}</td><td>{p_man:.1%}</td><td>{row['label']}</td></tr>"


def comparison(picture: Path, answers: Sequence[Answer], models: Models) -> str:
    """Return every model's answer for each face of a picture, and which models gave none."""
    faces = answers[0].faces
    heads = "".join(f"<th>Face {face.number}</th>" for face in faces)
    rows = "".join(
        f"<tr><td>{escape(one.backbone)}<br><small>{one.precision}</small></td>"
        f"{''.join(map(_cell, one.faces))}<td>{one.milliseconds['classify']:.1f}</td></tr>"
        for one in answers
    )
    given = {one.backbone for one in answers}
    silent = [one.folder.name for one in models.bundles if one.info.backbone not in given]
    missing = f"<p>Damaged and left out: {', '.join(silent)}.</p>" if silent else ""
    return f"""<div class="answer" role="status">
<h3>{_count(faces)}</h3>{marked(picture, faces)}
<div class="scroll" tabindex="0" role="region" aria-label="answers of all models">
<table class="figures"><thead><tr><th>Model</th>{heads}<th>ms</th></tr></thead>
<tbody>{rows}</tbody></table></div>
<p class="small">The captions in the picture are the first model's. %: probability of man. ms: to
classify all faces of the picture.</p>{missing}{_PERCEIVED}</div>"""


def _cell(face: Face) -> str:
    return f"<td>{face.label}<br><small>{face.p_man:.1%}</small></td>"


def models(bundles: Sequence[Bundle]) -> str:
    """Return the table of the models with the figures measured at export."""
    rows = [
        {
            "Model": one["model"],
            "Test accuracy": _number(one["test_accuracy"], ".1%"),
            "95 % interval": " to ".join(
                _number(end, ".1%") for end in one["test_accuracy_interval"] or (None,)
            ),
            "Served as": one["precision"],
            "ms a face": _number(one["latency_ms"], ".1f"),
            "Faces a second": _number(one["throughput"], ".0f"),
            "MB": _number(one["megabytes"], ".1f"),
        }
        for one in map(facts, bundles)
    ]
    html = pd.DataFrame(rows).to_html(index=False, border=0, classes="figures")
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="models">{html}</div>
<p class="small">The first answers where none is chosen. Speed as measured when the model was
exported: one face at a time, and 16 together.</p>"""


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _data_link(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
