"""What the page explains: chosen faces and labels, hostile values, names in HTML."""

from pathlib import Path

import pytest
from tiny_bundles import SEVERAL, add_models

from data import Label
from inference.demo import explanations
from inference.demo.explanations import explain, explanations_markup
from inference.served.errors import RefusedError
from inference.served.models import AUTOMATIC, ServedModels

HOSTILE = "</p><script>alert(1)</script>"


def served(folder: Path, *labels: Label) -> ServedModels:
    return ServedModels.read(add_models(folder, labels) if labels else add_models(folder))


@pytest.fixture
def picture(tmp_path: Path, group) -> Path:
    group.save(tmp_path / "group.png")
    return tmp_path / "group.png"


def test_each_face_is_explained_with_the_number_of_its_box(tmp_path, picture):
    models = served(tmp_path)
    found = explain(picture, models, "resnet50", AUTOMATIC)
    assert [why.face.number for why in found.explanations] == [1, 2, 3, 4, 5, 6]
    html = explanations_markup(found)
    assert html.count("<figure") == 6
    assert "what the prediction rests on; not a proof" in html
    assert "occlusion: 36 copies" in html
    [third] = explain(picture, models, "resnet50", AUTOMATIC, number=3).explanations
    assert third == found.explanations[2]
    assert set(found.to_list()[0]) >= {"face", "label", "class", "method", "map", "image"}


def test_of_a_crowd_the_largest_faces_are_explained(tmp_path, picture, monkeypatch):
    monkeypatch.setattr(explanations, "MAX_FACES", 2)
    found = explain(picture, served(tmp_path), "resnet50", AUTOMATIC)
    assert (len(found.explanations), found.left_out) == (2, 4)
    assert "4 smaller faces are not explained" in explanations_markup(found)


@pytest.mark.parametrize(
    ("label", "number", "message"),
    [
        ("beard", None, "does not predict that label: it predicts gender"),
        (3, None, "does not predict that label"),
        (None, 7, "no face of that number: 6 were found"),
        (None, -1, "no face of that number"),
        (None, "1; drop", "no face of that number"),
        (None, float("nan"), "no face of that number"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(tmp_path, picture, label, number, message):
    with pytest.raises(RefusedError, match=message):
        explain(picture, served(tmp_path), "resnet50", AUTOMATIC, label, number)


def test_a_label_of_several_is_chosen(tmp_path, picture):
    models = served(tmp_path, *SEVERAL)
    [why] = explain(picture, models, "resnet50", AUTOMATIC, "hair color", 1).explanations
    assert why.prediction.label.name == "hair color"


def test_names_of_users_are_escaped(tmp_path, picture):
    hostile = Label(name="kind", classes=(HOSTILE, '" onload="alert(1)'))
    html = explanations_markup(explain(picture, served(tmp_path, hostile), "resnet50", AUTOMATIC))
    assert "<script" not in html
    assert '" onload="' not in html


def test_labels_of_origin_are_not_explained(tmp_path, picture):
    race = Label(name="race", classes=("one", "two", "three"))
    models = served(tmp_path, SEVERAL[0], race)
    with pytest.raises(RefusedError, match=r"does not predict that label: it predicts Smiling$"):
        explain(picture, models, "resnet50", AUTOMATIC, "race")
