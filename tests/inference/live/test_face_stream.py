"""Tracks with smoothed predictions, by the real detector and a model that sees colors."""

from pathlib import Path

import pytest
from moving_faces import frame
from PIL import Image

from inference.classifier import Classifier
from inference.live.face_stream import FaceStream
from inference.live.frames import finder_of_frames, mark


@pytest.fixture
def classifier(models: Path) -> Classifier:
    return Classifier.load(models, "resnet50", finder=finder_of_frames(threads=1))


def test_boxes_follow_the_faces(classifier: Classifier, portraits: list[Image.Image]) -> None:
    stream = FaceStream(classifier.info.labels)
    for number in range(10):
        drawn = frame(portraits[0], number, [portraits[3]])
        seen = mark(classifier, stream, drawn, number / 10)
        assert [one.track for one in seen.faces] == [1, 2]
        walking, staying = (one.face.box for one in seen.faces)
        assert walking.contains((89 + 12 * number, 20 + 120))
        assert staying.contains((310 + 89, 20 + 120))
        assert seen.image.size == drawn.size and seen.image.tobytes() != drawn.tobytes()
        assert set(seen.milliseconds) == {"detect", "align", "classify", "follow", "mark"}


def test_one_frame_in_another_light_does_not_change_the_label(
    classifier: Classifier, portraits: list[Image.Image]
) -> None:
    def tinted(color: str) -> Image.Image:
        gray = frame(portraits[0], 5).convert("L").convert("RGB")
        return Image.blend(gray, Image.new("RGB", gray.size, color), 0.3)

    alone = [classifier.predict(tinted(color))[0].label for color in ("red", "blue")]
    assert alone == ["man", "woman"]
    stream = FaceStream(classifier.info.labels)
    labels = []
    for number in range(12):
        picture = tinted("blue" if number == 8 else "red")
        [seen] = mark(classifier, stream, picture, number / 10).faces
        labels.append(seen.face.label)
    assert labels == ["man"] * 12


def test_two_streams_are_apart(classifier: Classifier, portraits: list[Image.Image]) -> None:
    one, other = (FaceStream(classifier.info.labels) for _ in range(2))
    for number in range(3):
        mark(classifier, one, frame(portraits[0], number), number / 10)
    away = frame(portraits[0], 9)
    assert [seen.track for seen in mark(classifier, other, away, 0.0).faces] == [1]
