"""The page's HTML."""

import csv
import io
import json
import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

from data import GENDER, Label
from inference.annotation import COLORS, DARKEST
from inference.bundle import LabelInfo
from inference.demo import markup
from inference.demo.guards.uploads import Upload
from inference.demo.marked_zip import MarkedPictures
from inference.demo.predictions import Batch, Milliseconds, PicturePrediction
from inference.faces import Box, Face, Prediction
from inference.predict.outcomes import Outcome
from inference.served.models import ModelFigures, ServedModels

HOSTILE = "<script>alert('&')</script>"
ESCAPED = "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;"
SMILING = Label(name="Smiling", classes=("no", "yes"))
MINE = Label(name=HOSTILE, classes=(f"{HOSTILE}1", "=1+1", "a,b"))


def predicted(*faces: Face, backbone: str = "resnet50", of: Label = GENDER) -> PicturePrediction:
    return PicturePrediction(backbone, (of,), "int8", Milliseconds(1, 20, 3, 44), list(faces))


def face(p: float, quality: float = 0.9, of: Label = GENDER, index: int = 0) -> Face:
    decision = of.classes[1] if p > 0.6 else "uncertain"
    shares = (1 - p, p, *[0.0] * (len(of.classes) - 2))
    return Face(index, Box(2, 2, 20, 20), (Prediction(of, shares, decision),), 0.9, quality)


def gender(*least: float) -> list[LabelInfo]:
    point = {"least": least} if least else None
    facts = {"name": "gender", "classes": GENDER.classes, "output": "p_man"}
    return [LabelInfo.model_validate(facts | {"operating_point": point})]


def batch(*outcomes: tuple[str, Outcome], of: Label = GENDER) -> str:
    pictures = MarkedPictures(None, [""] * len(outcomes), 0)
    return markup.batch(Batch((of,), list(outcomes)), pictures, "vgg16, int8")


def plain(html: str) -> str:
    """The HTML without the colors beside decisions."""
    return re.sub(r'<i class="chip"[^>]*></i>', "", html)


def sent(path: Path) -> Upload:
    return Upload(path, "me.jpg")


def test_what_comes_from_outside_is_escaped(models: Path, draw: Callable[..., Path]) -> None:
    none = Outcome(Path("upload"), error=HOSTILE)
    mine = [predicted(face(0.7, of=MINE), of=MINE)]
    shown = [
        markup.empty(HOSTILE),
        markup.failure(HOSTILE),
        batch((HOSTILE, Outcome(Path("upload"), [face(0.7)]))),
        batch(("a.jpg", none)),
        batch(("a.jpg", Outcome(Path("upload"), [face(0.2, of=MINE)])), of=MINE),
        markup.comparison(sent(draw("a.png", "red")), mine, ServedModels.read(models)),
    ]
    for html in shown:
        assert "<script" not in html and ESCAPED in html, html


def test_hostile_classes_cannot_break_the_csv() -> None:
    html = batch(("a.jpg", Outcome(Path("upload"), [face(0.7, of=MINE)])), of=MINE)
    link = html.partition("base64,")[2].partition('"')[0]
    [row] = csv.DictReader(io.StringIO(b64decode(link).decode()))
    assert row["p_a,b"] == "0.000000" and row["p_=1+1"] == "0.700000"
    assert row["label"] == "'=1+1", "no formula"


def test_the_csv_has_the_numbers_that_are_shown() -> None:
    two = Outcome(Path("upload"), [face(0.7), face(0.7, index=1)])
    html = batch(("a.jpg", two), ("b.jpg", Outcome(Path("upload"), error="no face found")))
    content = b64decode(html.partition("base64,")[2].partition('"')[0]).decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["number"] for row in rows] == ["1", "2", ""]
    assert [row["face"] for row in rows] == ["0", "1", ""], "as scripts know it"
    assert re.findall(r'class="badge"[^>]*>(\d+)', html) == ["1", "2"]


def test_a_batch_has_totals_the_model_and_the_first_hundred_files() -> None:
    two = Outcome(Path("upload"), [face(0.75), face(0.4, index=1)])
    none = Outcome(Path("upload"), error="no face found")
    html = batch(("a.jpg", two), ("b.jpg", none))
    assert "2 faces in 2 files" in html and "The first 100 files" not in html
    assert "<b>1</b> <bdi>man</bdi>" in plain(html) and "<b>1</b> uncertain" in plain(html)
    assert "Model: vgg16, int8" in html and "kinds can be read" not in html
    assert "<bdi>man</bdi> <small>75.0%</small>" in html
    assert '<p class="error">no face found</p>' in html
    one = ("a.jpg", Outcome(Path("upload"), [face(0.75)]))
    assert "1 face in 1 file<" in batch(one)
    many = batch(*[one] * 150)
    assert many.count('<li class="file">') == 100 and "The first 100 files" in many


def test_a_batch_says_what_can_be_read_where_something_cannot() -> None:
    broken = Outcome(Path("upload"), error="not an image", was_read=False)
    assert "can be read: JPEG, PNG, WebP" in batch(("a.txt", broken))


def test_a_crowd_is_thumbnails_numbers_and_totals(draw: Callable[..., Path]) -> None:
    picture = sent(draw("a.png", "red"))
    six, seven = ([face(0.7, index=index) for index in range(count)] for count in (6, 7))
    html = markup.prediction(picture, predicted(*six), gender(0.7, 0.6))
    assert 'class="crowd"' not in html and html.count('class="badge"') == 6
    html = markup.prediction(picture, predicted(*seven), gender(0.7, 0.6))
    assert html.count('class="thumbnail"') == html.count("<details><summary>") == 7
    assert "<b>7</b> <bdi>man</bdi>" in plain(html) and '<figure class="marked crowded">' in html
    numbers = re.findall(r'class="badge"[^>]*>(\d+)', html)
    assert numbers == re.findall(r"<b>(\d+)<span", html) == list("1234567")


def test_a_face_has_one_color_in_picture_bars_and_table(
    models: Path, draw: Callable[..., Path]
) -> None:
    picture, given = sent(draw("a.png", "red")), predicted(face(0.7))
    html = markup.prediction(picture, given, gender(0.7, 0.6))
    man = f"--color:{COLORS['man']}"
    assert html.count(man) == 2, "box and number"
    assert f"--second:{COLORS['man']}" in html and f"--first:{COLORS['woman']}" in html
    assert markup.comparison(picture, [given], ServedModels.read(models)).count(man) == 3


def test_the_page_s_dark_background_is_the_one_that_colors_are_made_for() -> None:
    css = Path(markup.__file__).with_name("page.css").read_text()
    assert f".dark .result {{ --on: {DARKEST}; }}" in css


def test_a_prediction_says_what_the_label_means(draw: Callable[..., Path]) -> None:
    picture = sent(draw("a.png", "red"))
    html = " ".join(markup.prediction(picture, predicted(face(0.7)), gender(0.7, 0.6)).split())
    assert "One face" in html and "Perceived as a man" in html
    assert "between 30% and 60% (shaded), the label is uncertain" in html
    assert "not a person&#x27;s gender" in html
    assert "<dt>detect</dt><dd>20.0 ms</dd>" in html and "resnet50, int8" in html
    assert "(shaded)" not in markup.prediction(picture, predicted(face(0.7)), gender())
    assert "seen from the front" in markup.prediction(picture, predicted(), gender())


def test_a_comparison_has_a_row_for_each_model(models: Path, draw: Callable[..., Path]) -> None:
    both = [predicted(face(0.7)), predicted(face(0.4), backbone="vgg16")]
    html = markup.comparison(sent(draw("a.png", "red")), both, ServedModels.read(models))
    man, woman = "<td><bdi>man</bdi> <small>70.0%</small></td>", "<bdi>woman</bdi> 60.0%"
    assert f"{man}<td>uncertain <small>{woman}</small></td></tr>" in plain(html)
    assert "<td>44.0</td><td>44.0</td>" in html
    assert "left out" not in html and "Not compared" not in html


def test_models_of_different_labels_are_not_compared(
    models: Path, draw: Callable[..., Path]
) -> None:
    smiles = predicted(face(0.7, of=SMILING), backbone="vgg16", of=SMILING)
    found, picture = ServedModels.read(models), sent(draw("a.png", "red"))
    html = markup.comparison(picture, [predicted(face(0.7)), smiles], found)
    assert "<table" not in html
    assert "<bdi>gender</bdi> (resnet50), <bdi>Smiling</bdi> (vgg16)" in html
    html = markup.comparison(picture, [predicted(face(0.7)), predicted(face(0.7)), smiles], found)
    assert html.count("<table") == 1 and "Not compared" in html
    other = Label(name="gender", classes=("man", "woman"))
    html = markup.comparison(
        picture, [predicted(face(0.7)), predicted(face(0.7, of=other), of=other)], found
    )
    assert "<table" not in html, "the same name, but other classes"


def test_figures_that_were_not_measured_are_dashes() -> None:
    figures = ModelFigures(
        "vgg16", {"gender": GENDER.classes}, None, None, "fp32", None, None, 58.9, synthetic=True
    )
    html = markup.models([figures])
    assert html.count("<td>-</td>") == 4 and "<td>58.9</td>" in html


def test_a_model_that_decides_nothing_is_named(models: Path) -> None:
    read = ServedModels.read(models)
    assert "Always uncertain" not in markup.header(read)
    path = models / "vgg16" / "bundle.json"
    content = json.loads(path.read_text())
    content["labels"][0]["operating_point"]["least"] = [1.0, 1.0]
    path.write_text(json.dumps(content))
    header = markup.header(ServedModels.read(models))
    assert "Always uncertain:</b> <bdi>gender</bdi> (vgg16)." in header


def test_models_of_drawn_faces_are_marked_as_such(models: Path) -> None:
    header = markup.header(ServedModels.read(models))
    assert "Trained on drawn faces:</b> vgg16." in header
    assert "only show that the pipeline works" in header
    assert "left out" not in header
