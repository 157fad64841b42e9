"""`predict --annotate --explain`: heat maps below the marked copies."""

from pathlib import Path

from predict_command import Aligned, Draw, assert_refused, predict
from tiny_bundles import SEVERAL, add_models

from data import decode
from inference import Classifier, whole_image
from inference.predict.panels import with_panels


def test_each_face_gets_a_panel_below_its_copy(models: Path, photos: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked"
    result = predict(photos, "--models", models, "--annotate", marked, "--explain")
    assert "37 more runs of the model for each face" in result.stderr
    assert "6 faces explained" in result.stderr
    copy, original = decode(marked / "group.png.jpg"), decode(photos / "group.png")
    assert copy.width == original.width
    assert copy.height > original.height + 200
    empty = marked / "day one" / "empty.jpg"
    assert decode(empty).size == decode(photos / "day one" / "empty.jpg").size


def test_a_tiny_picture_has_room_for_its_panel(aligned: Aligned, draw: Draw, tmp_path) -> None:
    aligned(draw("a.jpg", "red"), "--annotate", tmp_path / "marked", "--explain")
    assert decode(tmp_path / "marked" / "a.jpg").width >= 200


def test_without_copies_there_is_nothing_to_explain_in(aligned: Aligned, draw: Draw) -> None:
    photo = draw("a.jpg", "red")
    assert_refused(aligned(photo, "--explain"), "give --annotate DIR as well")
    assert_refused(aligned(photo, "--explain-label", "x"), "give both")


def test_a_label_of_several_is_chosen(draw: Draw, tmp_path: Path) -> None:
    models, photo = add_models(tmp_path / "several", SEVERAL), draw("a.jpg", "red")
    marked = tmp_path / "marked"
    options = [photo, "--models", models, "--aligned", "--annotate", marked, "--explain"]
    assert_refused(predict(*options, "--explain-label", "beard"), "does not predict 'beard'")
    assert not marked.exists()
    assert predict(*options, "--explain-label", "hair color").exit_code == 0
    assert (marked / "a.jpg").exists()


def test_a_run_resumes_only_with_the_same_explanations(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    photo, out = draw("a.jpg", "red"), tmp_path / "o.csv"
    options = [photo, "--annotate", tmp_path / "marked", "--csv", out]
    assert aligned(*options, "--explain").exit_code == 0
    assert_refused(aligned(*options, "--resume"), "begun with explain gender, not none")


def test_long_names_stay_inside_their_panel(tmp_path: Path, draw: Draw) -> None:
    from data import Label

    label = Label(name="x" * 80, classes=("y" * 80, "z" * 80))
    models = add_models(tmp_path / "long", [label])
    photo = draw("a.jpg", "red", size=(400, 300))
    [why] = Classifier.load(models, finder=whole_image).explain(photo)
    strip = with_panels(decode(photo), [why])
    assert strip.width == 400
    assert min(strip.crop((215, 310, 400, 510)).convert("L").getdata()) > 250
