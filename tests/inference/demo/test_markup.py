"""The page's HTML."""

from collections.abc import Callable
from pathlib import Path

from inference.bundle import Band
from inference.demo import markup
from inference.demo.predictions import Milliseconds, Prediction
from inference.demo.served_models import ModelFigures, ServedModels
from inference.faces import Box, Face

HOSTILE = "<script>alert('&')</script>"
ESCAPED = "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;"


def row(**changes: str | float | None) -> dict:
    columns = ("left", "top", "right", "bottom", "detection_score", "quality")
    row = dict.fromkeys(columns) | {"file": "a.jpg", "face": 0, "error": ""}
    return row | {"p_man": 0.75, "label": "man"} | changes


def predicted(*faces: Face, backbone: str = "resnet50") -> Prediction:
    return Prediction(backbone, "int8", Milliseconds(1, 20, 3, 44), list(faces))


def face(p_man: float, quality: float = 0.9) -> Face:
    label = "man" if p_man > 0.6 else "uncertain"
    return Face(0, Box(2, 2, 20, 20), p_man, label, 0.9, quality)


def test_what_comes_from_outside_is_escaped() -> None:
    none = {"face": None, "p_man": None, "label": None}
    shown = [
        markup.empty(HOSTILE),
        markup.failure(HOSTILE),
        markup.batch([row(file=HOSTILE)]),
        markup.batch([row(error=HOSTILE) | none]),
    ]
    for html in shown:
        assert "<script" not in html and ESCAPED in html


def test_a_batch_counts_faces_and_files_and_shows_the_first_hundred_rows() -> None:
    none = row(file="b.jpg", face=None, p_man=None, label=None, error="no face found")
    html = markup.batch([row(), row(face=1), none])
    assert "2 faces in 2 files" in html and "The first 100 rows" not in html
    assert "<td>2</td><td>75.0%</td><td>man</td>" in html
    assert '<td colspan="3">no face found</td>' in html
    assert "1 face in 1 file<" in markup.batch([row()])
    many = markup.batch([row()] * 150)
    assert many.count('<td class="file">') == 100 and "The first 100 rows" in many


def test_a_prediction_says_what_the_label_means(draw: Callable[..., Path]) -> None:
    picture = draw("a.png", "red")
    html = markup.prediction(picture, predicted(face(0.7)), Band(low=0.3, high=0.6))
    assert "One face" in html and "Perceived as a man" in html and "man <b>70.0%</b>" in html
    assert "between 30% and 60% (shaded), the label is uncertain" in html
    assert "not a person's gender" in html.replace("\n", " ")
    assert "<dt>detect</dt><dd>20.0 ms</dd>" in html and "resnet50, int8" in html
    assert "(shaded)" not in markup.prediction(picture, predicted(face(0.7)), None)
    assert "seen from the front" in markup.prediction(picture, predicted(), None)


def test_a_face_that_cannot_be_judged_has_no_percentage(draw: Callable[..., Path]) -> None:
    picture, hidden = draw("a.png", "red"), predicted(face(0.5, quality=0.1))
    html = markup.prediction(picture, hidden, None)
    assert "turned away, hidden or no face" in html and "50.0%" not in html


def test_a_comparison_has_a_row_for_each_model(models: Path, draw: Callable[..., Path]) -> None:
    both = [predicted(face(0.7)), predicted(face(0.4), backbone="vgg16")]
    html = markup.comparison(draw("a.png", "red"), both, ServedModels.read(models))
    assert "<td>man<br><small>70.0%</small></td><td>44.0</td>" in html
    assert "<td>uncertain<br><small>40.0%</small></td>" in html
    assert "left out" not in html


def test_figures_that_were_not_measured_are_dashes() -> None:
    figures = ModelFigures("vgg16", None, None, "fp32", None, None, 58.9, synthetic=True)
    html = markup.models([figures])
    assert html.count("<td>-</td>") == 4 and "<td>58.9</td>" in html


def test_models_of_drawn_faces_are_marked_as_such(models: Path) -> None:
    header = markup.header(ServedModels.read(models))
    assert "Trained on drawn faces:</b> vgg16." in header
    assert "only show that the pipeline works" in header
    assert "left out" not in header
