import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_bundles import HAIR, SEVERAL, SIZE, add_models

from data import GENDER, ImageError
from inference import Box, BundleError, Classifier, Face, bundle, whole_image
from inference.detection.alignment import LEAST_QUALITY
from inference.detection.detector import Detection
from inference.detection.finder import PreparedFace, PreparedPicture
from inference.faces import Prediction
from inference.predict.rows import json_fields


def load(models: Path, *choice: Any, **options: Any) -> Classifier:
    """Load a model for pictures that are one face each."""
    return Classifier.load(models, *choice, finder=whole_image, **options)


def test_labels_by_color(models: Path, draw: Callable[..., Path]) -> None:
    classifier = load(models)
    assert classifier.predict(draw("a.png", "red"))[0].label == "man"
    assert classifier.predict(draw("b.png", "blue"))[0].label == "woman"
    assert classifier.predict(draw("c.png", "white"))[0].label == "uncertain"


def test_the_whole_picture_is_the_face(models: Path, draw: Callable[..., Path]) -> None:
    [face] = load(models, precision="fp32").predict(draw("a.png", "gray", (30, 40)))
    expected = Prediction(GENDER, (0.5, 0.5), "uncertain")
    assert face == Face(0, Box(0, 0, 30, 40), (expected,))


def test_every_way_to_give_a_picture_has_the_same_prediction(
    models: Path, draw: Callable[..., Path]
) -> None:
    path = draw("a.png", "#806070")
    content = path.read_bytes()
    with path.open("rb") as file, Image.open(path) as image:
        ways = [path, str(path), content, bytearray(content), BytesIO(content), file, image]
        ways.append(np.asarray(image))
        first, *others = load(models).predict_batch(ways)
    assert isinstance(first, list) and len(first) == 1
    assert all(faces == first for faces in others)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (3, "not int"),
        (None, "not NoneType"),
        ([np.zeros((9, 9, 3), np.uint8)], "not list"),
        (StringIO("text"), "binary mode: it gave str"),
    ],
)
def test_what_is_no_picture_is_a_type_error(models: Path, picture: Any, message: str) -> None:
    classifier = load(models)
    for predict in (classifier.predict, lambda one: classifier.predict_batch([one])):
        with pytest.raises(TypeError, match=message) as error:
            predict(picture)
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((9, 9, 3), "float32"),
        ((9, 9, 3), "int64"),
        ((9, 9), "uint8"),
        ((9, 9, 4), "uint8"),
        ((3, 9, 9), "uint8"),
        ((1, 9, 9, 3), "uint8"),
        ((0, 9, 3), "uint8"),
    ],
)
def test_an_array_of_another_kind_is_refused(
    models: Path, shape: tuple[int, ...], dtype: str
) -> None:
    with pytest.raises(ValueError, match="uint8 RGB") as error:
        load(models).predict(np.zeros(shape, dtype))
    message = "an array must be uint8 RGB [height, width, 3], not "
    assert str(error.value) == f"{message}{dtype} {list(shape)}"


def test_a_slice_of_an_array_is_taken_as_it_looks(models: Path) -> None:
    blue_green_red = np.zeros((9, 18, 3), np.uint8)
    blue_green_red[..., 2] = 255
    assert load(models).predict(blue_green_red[::-1, ::2, ::-1])[0].label == "man"


def test_one_bad_picture_does_not_lose_the_others(
    models: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    pictures = [draw("a.png", "red"), tmp_path / "gone.jpg", b"no image", draw("b.png", "blue")]
    red, gone, broken, blue = load(models).predict_batch(pictures)
    assert isinstance(red, list) and red[0].label == "man"
    assert isinstance(blue, list) and blue[0].label == "woman"
    assert isinstance(gone, ImageError) and str(gone) == "no such file"
    assert isinstance(broken, ImageError)


def test_a_file_too_large_is_refused_before_it_is_read_whole(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.pictures.MAX_BYTES", 100)
    file = BytesIO(bytes(1000))
    with pytest.raises(ImageError, match="too large"):
        load(models).predict(file)
    assert file.tell() == 101


def test_a_face_has_landmarks_inside_its_box(models: Path, group: Image.Image) -> None:
    faces = Classifier.load(models, threads=1).predict(group)
    assert [face.index for face in faces] == list(range(6))
    for face in faces:
        assert face.landmarks is not None and face.landmarks.shape == (5, 2)
        assert face.landmarks.dtype == np.float32
        assert all(face.box.contains(tuple(point)) for point in face.landmarks)


def test_a_face_as_a_dictionary_has_the_names_of_the_rows(models: Path, group: Image.Image) -> None:
    [face, *_] = Classifier.load(models, threads=1).predict(group)
    values = face.to_dict()
    assert set(values) == set(json_fields([GENDER])) - {"file", "error"}
    assert json.loads(json.dumps(values)) == values


def test_batches_and_singles_agree(models: Path) -> None:
    classifier = load(models)
    batch = np.random.default_rng(0).integers(0, 256, (70, SIZE, SIZE, 3), np.uint8)
    together = classifier.classify(batch)
    assert together.shape == (70, 2)
    alone = [classifier.classify(image[None])[0] for image in batch]
    assert together == pytest.approx(np.array(alone), abs=1e-6)
    means = batch.mean((1, 2))
    expected = 1 / (1 + np.exp(-0.099 * (means[:, 0] - means[:, 2])))
    assert together[:, 1] == pytest.approx(expected, abs=1e-5)


def test_no_pictures_no_answers(models: Path) -> None:
    assert load(models).predict_batch([]) == []


def test_a_finder_gives_any_number_of_faces(models: Path, draw: Callable[..., Path]) -> None:
    def halves(image: Any, wanted: object) -> PreparedPicture:
        if image.width < 20:
            return PreparedPicture()
        middle = image.width // 2
        boxes = [(0, 0, middle, image.height), (middle, 0, image.width, image.height)]
        crops = [np.asarray(image.crop(box).resize((SIZE, SIZE))) for box in boxes]
        faces = (PreparedFace(Box(*box), crop) for box, crop in zip(boxes, crops, strict=True))
        return PreparedPicture(list(faces))

    picture = Image.new("RGB", (40, 40), "red")
    picture.paste("blue", (20, 0, 40, 40))
    classifier = Classifier.load(models, finder=halves)
    none, both = classifier.predict_batch([Image.new("RGB", (10, 10)), picture])
    assert none == []
    assert [(face.index, face.box.left, face.label) for face in both] == [
        (0, 0, "man"),
        (1, 20, "woman"),
    ]


@pytest.mark.parametrize(("quality", "label"), [(1.0, "man"), (0.5, "man"), (0.49, "uncertain")])
def test_faces_of_too_little_quality_are_uncertain(
    models: Path, quality: float, label: str
) -> None:
    red = np.full((SIZE, SIZE, 3), (255, 0, 0), np.uint8)
    found = Detection(Box(0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32), quality)
    [[face]] = load(models).label([[PreparedFace(found.box, red, found)]])
    assert (face.label, face.quality) == (label, quality)
    assert face.p_man > 0.99


@pytest.mark.parametrize(("quality", "decision"), [(0.5, "blue"), (0.49, "uncertain")])
def test_a_poor_face_is_uncertain_on_every_label(
    tmp_path: Path, quality: float, decision: str
) -> None:
    classifier = load(add_models(tmp_path, SEVERAL))
    blue = np.full((SIZE, SIZE, 3), (0, 200, 255), np.uint8)
    found = Detection(Box(0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32), quality)
    [[face]] = classifier.label([[PreparedFace(found.box, blue, found)]])
    decisions = [prediction.decision for prediction in face.predictions]
    assert decisions == (["no", "yes", "blue"] if quality >= 0.5 else ["uncertain"] * 3)
    assert face["hair color"].decision == decision
    assert face["hair color"]["blue"] > 0.99 and face["Eyeglasses"].probability > 0.99


def test_a_model_of_many_classes(tmp_path: Path, draw: Callable[..., Path]) -> None:
    classifier = load(add_models(tmp_path, (HAIR,)))
    said = [classifier.predict(draw("a.png", color))[0] for color in ("red", "lime", "#777")]
    assert [face.label for face in said] == ["red", "green", "uncertain"]
    assert said[2]["hair color"].probabilities == pytest.approx((1 / 3,) * 3)
    with pytest.raises(AttributeError, match="does not predict gender"):
        _ = said[0].p_man


def test_backbone_and_precision_are_chosen(models: Path, draw: Callable[..., Path]) -> None:
    red = draw("a.png", "red")
    assert load(models, "vgg16").predict(red)[0].label == "woman"
    chosen = {p: load(models, precision=p) for p in ("int8", "fp32")}
    assert load(models).precision == "int8"
    nearly_grey = draw("b.png", "#807f7e")
    assert chosen["int8"].predict(nearly_grey) != chosen["fp32"].predict(nearly_grey)


def test_an_onnx_file_alone_answers_the_same(models: Path, draw: Callable[..., Path]) -> None:
    picture = draw("a.png", "#706050")
    alone = Classifier.from_onnx(models / "resnet50" / "model.onnx", finder=whole_image)
    assert alone.predict(picture) == load(models, precision="fp32").predict(picture)
    assert alone.precision is None


def test_one_bundle_is_loaded_without_the_index(models: Path, draw: Callable[..., Path]) -> None:
    expected = load(models, "vgg16").predict(draw("a.png", "red"))
    (models / "index.json").unlink()
    folder = models / "vgg16"
    for given in (folder, str(folder), bundle.read(folder)):
        classifier = Classifier.from_bundle(given, finder=whole_image)
        assert classifier.predict(draw("a.png", "red")) == expected


def test_the_index_is_read_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (models / "resnet50" / "bundle.json").write_text("{")
    reads, read = list[Path](), bundle.read_index

    def read_index(folder: Path) -> bundle.Index:
        reads.append(folder)
        return read(folder)

    monkeypatch.setattr("inference.classifier.read_index", read_index)
    monkeypatch.setattr("inference.bundle.store.read_index", read_index)
    assert load(models).info.backbone == "vgg16"
    assert reads == [models]


def test_missing_models_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no exported models in .*make export"):
        Classifier.load(tmp_path / "nowhere")


def test_an_unknown_backbone_lists_those_there(models: Path) -> None:
    with pytest.raises(BundleError, match=r"no model 'vgg17' .*\(there: resnet50, vgg16\)"):
        load(models, "vgg17")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.onnx"
    path.write_text("not a model")
    with pytest.raises(BundleError, match=r"cannot open .*notes\.onnx"):
        Classifier.from_onnx(path)


def test_an_unreadable_picture_raises(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("hello")
    with pytest.raises(ImageError):
        load(models).predict(path)


def test_onnxruntime_reports_to_nobody() -> None:
    """The variable is set before onnxruntime is imported, which reads it once."""
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime':\n"
        "            print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from inference import Classifier"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "1"


def test_a_face_of_little_quality_is_uncertain_whatever_the_model_says(
    models: Path, portraits: list[Image.Image]
) -> None:
    """A man to the model (red) both times, but one lies head down."""
    red = [
        Image.blend(p.convert("L").convert("RGB"), Image.new("RGB", p.size, "red"), 0.3)
        for p in portraits
    ]
    lying = red[5].resize((356, 436)).convert("RGBA")
    lying = lying.rotate(110, Image.Resampling.BICUBIC, expand=True)
    picture = Image.new("RGB", (700, 500), "red")
    picture.paste(red[0].resize((300, 367)), (10, 30))
    picture.paste(lying, (330, 20), lying)
    upright, lies = Classifier.load(models).predict(picture)
    assert upright.label == "man" and upright.quality is not None and upright.quality > 0.9
    assert lies.label == "uncertain" and lies.p_man > 0.9
    assert lies.quality is not None and lies.quality < LEAST_QUALITY
    [whole] = Classifier.load(models, finder=whole_image).predict(red[0])
    assert whole.label == "man" and whole.quality is None
