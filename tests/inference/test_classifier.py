import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_bundles import SIZE

from data import ImageError
from inference import Box, BundleError, Classifier, Face, whole_image
from inference.detection.detector import Detection
from inference.detection.finder import PreparedFace, PreparedPicture


def load(models: Path, *choice: Any, **options: Any) -> Classifier:
    """Load a model for pictures that are one face each."""
    return Classifier.load(models, *choice, finder=whole_image, **options)


def test_labels_by_colour(models: Path, draw: Callable[..., Path]) -> None:
    classifier = load(models)
    assert classifier.predict(draw("a.png", "red"))[0].label == "man"
    assert classifier.predict(draw("b.png", "blue"))[0].label == "woman"
    assert classifier.predict(draw("c.png", "white"))[0].label == "uncertain"


def test_the_whole_picture_is_the_face(models: Path, draw: Callable[..., Path]) -> None:
    [face] = load(models, precision="fp32").predict(draw("a.png", "gray", (30, 40)))
    assert face == Face(0, Box(0, 0, 30, 40), 0.5, "uncertain")


def test_paths_bytes_and_images_get_the_same_answer(
    models: Path, draw: Callable[..., Path]
) -> None:
    path = draw("a.png", "#806070")
    classifier = load(models)
    sources = [path, str(path), path.read_bytes(), Image.open(BytesIO(path.read_bytes()))]
    first, *others = classifier.predict_batch(sources)
    assert all(faces == first for faces in others)


def test_batches_and_singles_agree(models: Path) -> None:
    classifier = load(models)
    batch = np.random.default_rng(0).integers(0, 256, (70, SIZE, SIZE, 3), np.uint8)
    together = classifier.classify(batch)
    assert together.shape == (70,)
    assert together.dtype == np.float32
    alone = [classifier.classify(image[None])[0] for image in batch]
    assert together == pytest.approx(alone, abs=1e-6)
    means = batch.mean((1, 2))
    expected = 1 / (1 + np.exp(-0.099 * (means[:, 0] - means[:, 2])))
    assert together == pytest.approx(expected, abs=1e-5)


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
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
