"""The page's HTML: header, predictions and tables. Every text from outside is escaped.

What concerns labels is in `inference.demo.label_markup`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from html import escape

import pandas as pd

from data import GENDER, Label
from data.images import readable_kinds
from inference.annotation import CROWD
from inference.bundle import LabelInfo
from inference.demo.guards.uploads import Upload
from inference.demo.label_markup import (
    badge,
    crowd,
    entry,
    legend,
    notices,
    said,
    summary,
    totals,
    word,
)
from inference.demo.marked_zip import MarkedPictures
from inference.demo.picture_markup import ShownPicture, data_link
from inference.demo.predictions import Batch, PicturePrediction
from inference.faces import Face, Prediction
from inference.predict.outcomes import Outcome
from inference.predict.rows import csv_text
from inference.served.models import ModelFigures, ServedModels
from inference.served.origin import WHY

_FILES_SHOWN = 100  # of a batch; all are in the CSV
_LABELS_SHOWN = 3  # of a face in a batch
_MODELS_SEEN = 3  # beside each other on a phone


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
    undecided = [
        f"{word(label.name)} ({bundle.folder.name})"
        for bundle in models.bundles
        for label in bundle.info.labels
        if label.is_undecided
    ]
    if undecided:
        banners.append(
            f"<b>Always uncertain:</b> {', '.join(undecided)}. The validation images do not show "
            "that even the surest half of the decisions are correct often enough."
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
        >>> "<p>&lt;b&gt; failed.</p>" in failure("<b> failed.")
        True
    """
    return (
        f'<div class="result failed" role="alert"><h2>No prediction</h2><p>{escape(text)}</p></div>'
    )


def prediction(picture: Upload, given: PicturePrediction, infos: Sequence[LabelInfo]) -> str:
    """Write the marked picture, an entry for each face, and the time that each part took.

    Of a crowd there are thumbnails and totals: bars for each face would fill pages.

    Args:
        picture: Picture that was classified.
        given: What the model predicts for the picture.
        infos: The model's labels, which say from when on a class is named.

    Returns:
        HTML.

    Raises:
        data.ImageError: The picture cannot be read any more.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from inference.demo.predictions import Milliseconds
        >>> took = Milliseconds(4.0, 20.0, 0.0, 0.0)
        >>> given = PicturePrediction("vgg16", (GENDER,), "int8", took, faces=[])
        >>> info = LabelInfo(name="gender", classes=GENDER.classes, output="p_man")
        >>> with tempfile.NamedTemporaryFile(suffix=".png") as file:
        ...     Image.new("RGB", (60, 40)).save(file.name)
        ...     html = prediction(Upload(Path(file.name), "me.png"), given, [info])
        >>> "<h2>No face found</h2>" in html, "<dt>detect</dt><dd>20.0 ms</dd>" in html
        (True, True)
    """
    shown = ShownPicture.read(picture.path)
    return f"""<div class="result answered" role="status">
<div class="seen">{_marked(shown, given.faces)}</div>
<div><h2>{_faces_found(given.faces)}</h2>
{_faces(shown, given.faces, infos)}
{_photo_csv(picture, given)}{_facts(given)}
{notices(given.labels)}</div></div>"""


def _faces(shown: ShownPicture, faces: Sequence[Face], infos: Sequence[LabelInfo]) -> str:
    if not faces:
        return "<p>Try a larger or sharper picture, seen from the front.</p>"
    if len(faces) > CROWD:
        return f"""{totals(faces)}{crowd(faces, infos, shown)}
<p class="small">The numbers go by rows. Choose a face to see all that is said of it.</p>
{legend(infos)}"""
    return f'<ol class="faces">{"".join(entry(face, infos) for face in faces)}</ol>{legend(infos)}'


def _facts(given: PicturePrediction) -> str:
    took = asdict(given.milliseconds)
    parts = "".join(_part(name, milliseconds) for name, milliseconds in took.items())
    return f"""<details class="facts"><summary>Model: {escape(given.backbone)}, {given.precision}
· {sum(took.values()):.0f} ms</summary><dl>{parts}</dl></details>"""


def _faces_found(faces: Sequence[Face]) -> str:
    return {0: "No face found", 1: "One face"}.get(len(faces), f"{len(faces)} faces")


def _part(name: str, milliseconds: float) -> str:
    return f"<div><dt>{name}</dt><dd>{milliseconds:.1f} ms</dd></div>"


def _marked(shown: ShownPicture, faces: Sequence[Face]) -> str:
    return shown.marked(faces, alt=f"The picture: {_faces_found(faces).lower()} marked")


def _photo_csv(picture: Upload, given: PicturePrediction) -> str:
    if not given.faces:
        return ""
    outcome = Outcome(picture.path, given.faces)
    return f"<p>{_csv_link(Batch(given.labels, [(picture.name, outcome)]))}</p>"


def _csv_link(given: Batch) -> str:
    csv = csv_text(given.numbered_rows(), given.labels, ["number"])
    link = data_link("text/csv;charset=utf-8", csv.encode(errors="replace"))
    return f'<a class="download" download="faces.csv" href="{link}">Download the CSV</a>'


def batch(given: Batch, pictures: MarkedPictures, model: str) -> str:
    """Write what a batch gave: totals, links to all of it, and a thumbnail and answers a file.

    Args:
        given: What the model predicts for each file.
        pictures: The files with their faces marked.
        model: Name of the model, with its precision.

    Returns:
        HTML.

    Example:
        >>> from pathlib import Path
        >>> given = Batch((GENDER,), [("a.jpg", Outcome(Path("upload"), error="no face found"))])
        >>> html = batch(given, MarkedPictures(None, [""], 0), "vgg16, int8")
        >>> "<h2>0 faces in 1 file</h2>" in html, "Model: vgg16, int8" in html
        (True, True)
    """
    faces = [face for _, outcome in given.outcomes for face in outcome.faces]
    files = list(zip(given.outcomes, pictures.thumbnails, strict=True))
    listed = "".join(_file(name, one, thumbnail) for (name, one), thumbnail in files[:_FILES_SHOWN])
    is_cut = len(files) > _FILES_SHOWN
    more = f"<p>The first {_FILES_SHOWN} files; the CSV has all.</p>" if is_cut else ""
    return f"""<div class="result" role="status">
<h2>{_counted(len(faces), "face")} in {_counted(len(files), "file")}</h2>
{totals(faces) if faces else ""}<p class="small">Model: {escape(model)}</p>
<p>{_csv_link(given)} {_zip_link(pictures)}</p>{_batch_notes(given, pictures)}
<ol class="files">{listed}</ol>{more}
{notices(given.labels)}</div>"""


def _zip_link(pictures: MarkedPictures) -> str:
    if not pictures.link:
        return ""
    return (
        f'<a class="download" download="marked.zip" href="{escape(pictures.link)}">'
        "Download marked copies (ZIP)</a>"
    )


def _batch_notes(given: Batch, pictures: MarkedPictures) -> str:
    notes = []
    if pictures.link:
        notes.append("The ZIP is deleted here within minutes, as the pictures are.")
    if pictures.left_out:
        notes.append(f"{_counted(pictures.left_out, 'marked copy', 'marked copies')} left out.")
    if any(not outcome.was_read for _, outcome in given.outcomes):
        notes.append(f"Pictures of these kinds can be read: {readable_kinds()}.")
    return "".join(f'<p class="small">{note}</p>' for note in notes)


def _file(name: str, outcome: Outcome, thumbnail: str) -> str:
    return f"""<li class="file"><div class="preview">{thumbnail}</div>
<div><b class="name">{word(name)}</b>{_answers(outcome)}</div></li>"""


def _answers(outcome: Outcome) -> str:
    if not outcome.faces:
        return f'<p class="error">{escape(outcome.error)}</p>'
    if len(outcome.faces) > CROWD:
        return f"<p>{_faces_found(outcome.faces)}</p>{totals(outcome.faces)}"
    answers = "".join(
        f"<li>{badge(face)}<span>{_said_shortly(face)}</span></li>" for face in outcome.faces
    )
    return f'<ul class="answers">{answers}</ul>'


def _said_shortly(face: Face) -> str:
    if len(face.predictions) == 1:
        return said(face.predictions[0])
    shown = [f"{word(one.label.name)} {said(one)}" for one in face.predictions[:_LABELS_SHOWN]]
    others = len(face.predictions) - len(shown)
    return ", ".join([*shown, *[f"{others} more"] * bool(others)])


def _counted(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def comparison(picture: Upload, given: Sequence[PicturePrediction], models: ServedModels) -> str:
    """Write for each label that models share what each of them predicts for each face.

    Args:
        picture: Picture that was classified.
        given: One prediction a model that could be used, at least one.
        models: Models of the page.

    Returns:
        HTML.

    Raises:
        data.ImageError: The picture cannot be read any more.
    """
    faces, shown = given[0].faces, ShownPicture.read(picture.path)
    labels = list(dict.fromkeys(label for one in given for label in one.labels))
    shared = [one for one in labels if len(given) == 1 or len(_of(one, given)) > 1]
    alone = [one for one in labels if one not in shared]
    compared = shared if faces else []
    tables = "".join(_compared(label, _of(label, given), shown) for label in compared)
    used = {one.backbone for one in given}
    unused = [name for name in models.names if name not in used]
    missing = f"<p>Damaged and left out: {', '.join(unused)}.</p>" if unused else ""
    return f"""<div class="result answered" role="status">
<div class="seen">{_marked(shown, faces)}
<p class="small">The colors and captions are of the first model's first label.</p></div>
<div><h2>{_faces_found(faces)}</h2>
{tables}{_not_compared(alone, given)}
<p class="small">%: probability of the class. ms: time to classify all faces of the picture on all
labels of the model.</p>{missing}
{notices(labels)}</div></div>"""


def _of(label: Label, given: Sequence[PicturePrediction]) -> list[PicturePrediction]:
    return [one for one in given if label in one.labels]


def _compared(label: Label, given: Sequence[PicturePrediction], shown: ShownPicture) -> str:
    """Write a row a face and a column a model: there are many faces, and few models."""
    heads = "".join(
        f'<th scope="col">{escape(one.backbone)} <small>{one.precision}</small></th>'
        for one in given
    )
    rows = "".join(
        f'<tr><th scope="row"><span class="face">{shown.thumbnail(first)}{badge(first)}</span></th>'
        f"{''.join(_cell(one.faces[first.index][label.name]) for one in given)}</tr>"
        for first in given[0].faces
    )
    times = "".join(f"<td>{one.milliseconds.classify:.1f}</td>" for one in given)
    name = f"predictions of {label.name} by {len(given)} models"
    return f"""<h3>{word(label.name)}</h3>{
        _scrolled(
            name,
            f'''<table class="figures compared">
<thead><tr><th scope="col">Face</th>{heads}</tr></thead>
<tbody>{rows}<tr><th scope="row">ms</th>{times}</tr></tbody></table>''',
            len(given),
        )
    }"""


def _scrolled(name: str, table: str, columns: int) -> str:
    """Write a table into a box in which it scrolls sideways, with a hint where it is wide."""
    hint = '<p class="small hint">Scroll sideways to see all columns.</p>'
    return f"""{hint if columns > _MODELS_SEEN else ""}
<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">{table}</div>"""


def _cell(prediction: Prediction) -> str:
    return f"<td>{said(prediction)}</td>"


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
    return f"""{_scrolled("models", html, len(rows[0]))}
<p class="small">The first model is used where none is chosen. Speed was measured at export, in the
precision shown: one face at a time, and 16 together. Accuracies of different labels do not compare;
that of several labels is their mean.</p>"""


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
