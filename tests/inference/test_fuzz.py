"""Damaged and odd pictures through decoder, detector, alignment and model: an answer or a reason.

`FUZZ=10000 pytest tests/inference/test_fuzz.py` tries that many.
"""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_bundles import add_models

from data import ImageError
from inference import Classifier

EXAMPLES = int(os.environ.get("FUZZ", "200"))
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

Check = Callable[[bytes], None]
any_fuzz = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def seeds(portraits: list[Image.Image]) -> list[bytes]:
    """A drawn face in each format, grey, CMYK and 16-bit too, small and large."""
    pictures = [(portraits[0].resize((90, 110)), kind) for kind in FORMATS]
    pictures += [(portraits[1].convert(mode), "TIFF") for mode in ("L", "CMYK", "I;16")]
    pictures += [(portraits[2].resize((2600, 3184)), "JPEG")]
    seeds = []
    for picture, kind in pictures:
        stream = BytesIO()
        picture.save(stream, kind)
        seeds.append(stream.getvalue())
    return seeds


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Ask about a picture: there may be faces, all inside the picture, or an ImageError."""
    classifier = Classifier.load(add_models(tmp_path_factory.mktemp("fuzz")), threads=1)

    def ask(content: bytes) -> None:
        try:
            faces = classifier.predict(content)
        except ImageError as error:
            assert "\n" not in str(error)
            return
        for face in faces:
            box = face.box
            assert 0 <= box.left <= box.right and 0 <= box.top <= box.bottom
            assert 0 <= face.p_man <= 1
            assert face.detection_score is not None and 0 < face.detection_score <= 1

    return ask


@any_fuzz
@given(data=st.data())
def test_mutated_files(seeds: list[bytes], check: Check, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(
            st.integers(0, min(len(content) - 1, 600)) | st.integers(0, len(content) - 1)
        )
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not content:
            break
    cut = data.draw(st.none() | st.integers(0, len(content)))
    check(bytes(content[:cut]))


@settings(parent=any_fuzz, max_examples=EXAMPLES // 4)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32), st.booleans())
def test_any_size_of_face_or_noise(
    portraits: list[Image.Image],
    check: Check,
    width: int,
    height: int,
    seed: int,
    noise: bool,
) -> None:
    picture = portraits[seed % len(portraits)].resize((width, height))
    if noise:
        picture = Image.effect_noise((width, height), seed % 200).convert("RGB")
    stream = BytesIO()
    picture.save(stream, "PNG")
    check(stream.getvalue())


@any_fuzz
@given(content=st.binary(max_size=300))
def test_any_bytes(check: Check, content: bytes) -> None:
    check(content)


def test_no_memory_for_bombs(models: Path) -> None:
    """A PNG of 400 megapixels in a few hundred kilobytes is refused before it is decoded."""
    stream = BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    with pytest.raises(ImageError, match=r"too large|bomb"):
        Classifier.load(models).predict(stream.getvalue())
