from itertools import combinations, groupby

import numpy as np
import pytest
from PIL import Image, ImageColor
from tiny_bundles import HAIR, SEVERAL, SMILING

from data import GENDER, Label
from inference import Box, Face, annotation
from inference.annotation import (
    COLORS,
    DARKEST,
    HALO,
    PALETTE,
    annotate,
    caption,
    color_of,
    contrast,
    tag,
    text_on,
)
from inference.faces import Prediction

PLAIN = (120, 150, 120)
BOX = Box(60, 80, 160, 200)


def face(decision: str, box: Box = BOX, index: int = 0) -> Face:
    p_man = {"woman": 0.03, "man": 0.97, "uncertain": 0.5}[decision]
    return Face(index, box, (Prediction(GENDER, (1 - p_man, p_man), decision),))


def decided(label: Label, *p: float, decision: str | None = None) -> Prediction:
    return Prediction(label, p, decision or label.classes[int(np.argmax(p))])


@pytest.mark.parametrize("label", COLORS)
def test_a_box_and_a_caption_in_the_label_s_color(label: str) -> None:
    picture = Image.new("RGB", (300, 240), PLAIN)
    marked = np.asarray(annotate(picture, [face(label)]))
    color = ImageColor.getrgb(COLORS[label])
    for x, y in ((60, 140), (160, 140), (110, 80), (110, 200)):
        assert (marked[y, x] == color).all(), (x, y)
    assert (marked[100:180, 80:140] == PLAIN).all()
    above = marked[:78, 60:].reshape(-1, 3)
    assert (above == color).all(axis=1).any() and (above > 230).all(axis=1).any()
    assert (np.asarray(picture) == PLAIN).all()


def test_boxes_are_scaled_to_a_smaller_image() -> None:
    picture = Image.new("RGB", (150, 120), PLAIN)
    marked = annotate(picture, [face("man")], factor=2)
    assert (
        marked.getpixel((30, 70)) == marked.getpixel((80, 70)) == ImageColor.getrgb(COLORS["man"])
    )


def test_without_faces_nothing_is_drawn() -> None:
    picture = Image.effect_noise((50, 40), 60).convert("RGB")
    assert (np.asarray(annotate(picture, [])) == np.asarray(picture)).all()


@pytest.fixture
def no_halo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters alone are white."""
    monkeypatch.setattr(annotation, "HALO", PLAIN)


@pytest.mark.usefixtures("no_halo")
def test_a_caption_stays_in_the_picture() -> None:
    """At the upper edge it stands below the box, at the right edge it moves to the left."""
    picture = Image.new("RGB", (300, 240), PLAIN)
    marked = np.asarray(annotate(picture, [face("woman", Box(250, 2, 300, 60))]))
    white = np.argwhere((marked > 230).all(axis=2))
    assert white[:, 0].min() > 60 and white[:, 1].min() > 180 and white[:, 1].max() < 300


@pytest.mark.parametrize(
    ("label", "text"),
    [("woman", "3: woman 97%"), ("man", "3: man 97%"), ("uncertain", "3: uncertain")],
)
def test_a_caption_says_the_label_and_its_probability(label: str, text: str) -> None:
    assert caption(face(label, index=2)) == text


@pytest.mark.usefixtures("no_halo")
def test_a_tag_is_the_number_alone() -> None:
    picture = Image.new("RGB", (300, 240), PLAIN)
    white = [
        int((np.asarray(annotate(picture, [face("man")], text=text)) > 230).all(axis=2).sum())
        for text in (tag, caption)
    ]
    assert 0 < white[0] < white[1] / 3 and tag(face("man", index=24)) == "25"


AGES = Label(name="age", classes=("0-12", "13-19", "60+"))
LONG = Label(name="n" * 80, classes=("c" * 80, "d" * 80))


@pytest.mark.parametrize(
    ("predictions", "text"),
    [
        ([decided(HAIR, 0.9, 0.06, 0.04)], "1: red 90%"),
        ([decided(SMILING, 0.03, 0.97)], "1: Smiling: yes 97%"),
        ([decided(SMILING, 0.5, 0.5, decision="uncertain")], "1: Smiling: uncertain"),
        ([decided(AGES, 0.1, 0.2, 0.7)], "1: age: 60+ 70%"),
        ([decided(LONG, 0.1, 0.9)], f"1: {'d' * 23}… 90%"),
        (
            [decided(SMILING, 0.5, 0.5, decision="uncertain"), decided(GENDER, 0.9, 0.1)],
            "1: gender: woman 90%\nSmiling: uncertain",
        ),
        (
            [decided(Label(name=f"a{n}", classes=("no", "yes")), 0.9, 0.1) for n in range(6)],
            "1: a0: no 90%\na1: no 90%\na2: no 90%\n3 more",
        ),
    ],
)
def test_captions_of_any_labels(predictions: list[Prediction], text: str) -> None:
    assert caption(Face(0, BOX, tuple(predictions))) == text


@pytest.mark.usefixtures("no_halo")
@pytest.mark.parametrize("size", [(300, 240), (60, 40), (12, 9)])
@pytest.mark.parametrize("labels", [(HAIR,), SEVERAL, (LONG, LONG, LONG, LONG)])
@pytest.mark.parametrize("at", [(0, 0), (0.5, 0.5), (0.9, 0.9)])
def test_captions_stay_in_pictures_of_any_size(
    size: tuple[int, int], labels: tuple[Label, ...], at: tuple[float, float]
) -> None:
    """All lines are there if the picture has room for them in letters that can be read."""
    width, height = size
    box = Box(at[0] * width, at[1] * height, width, height)
    said = tuple(decided(label, *np.eye(len(label.classes))[0]) for label in labels)
    marked = np.asarray(annotate(Image.new("RGB", size, PLAIN), [Face(0, box, said)]))
    assert marked.shape == (height, width, 3)
    white = (marked > 155).all(axis=2)
    if size == (300, 240):
        rows, columns = white.any(axis=1), white.any(axis=0)
        assert not columns[-2:].any() and not rows[-2:].any()
        assert (np.diff(rows.astype(int)) == 1).sum() >= len(labels)


ALL = (*COLORS.values(), *PALETTE)
RESULTS = {"in the light": "#ffffff", "in the dark": DARKEST}


@pytest.mark.parametrize("color", ALL)
def test_letters_are_readable_on_every_color(color: str) -> None:
    assert contrast(color, {"white": "#ffffff", "black": "#000000"}[text_on(color)]) >= 4.5


@pytest.mark.parametrize("background", RESULTS)
@pytest.mark.parametrize("color", ALL)
def test_boxes_bars_and_tables_are_seen_in_the_light_and_in_the_dark(
    color: str, background: str
) -> None:
    assert contrast(color, RESULTS[background]) >= 3
    assert contrast(color, HALO) >= 3, "so a box is seen on any picture"


@pytest.mark.parametrize("picture", ["white", "black", COLORS["man"]])
def test_a_box_has_a_halo_on_both_sides(picture: str) -> None:
    marked = annotate(Image.new("RGB", (300, 240), picture), [face("man")])
    across = [marked.getpixel((x, 140)) for x in range(50, 75)]
    plain, line, halo = map(ImageColor.getrgb, (picture, COLORS["man"], HALO))
    seen = [pixel for pixel, _ in groupby(across)]
    expected = [pixel for pixel, _ in groupby([plain, halo, line, halo, plain])]
    assert seen == expected


def test_the_contrast_is_that_of_wcag() -> None:
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


# Machado et al. 2009, severity 1, of linear RGB
SEEN_BY = {
    "normal": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_colors_are_distinct_for_everyone(eyes: str) -> None:
    def seen(color: str) -> np.ndarray:
        """The color in OKLab."""
        c = np.array(ImageColor.getrgb(color)) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        rgb = np.clip(np.array(SEEN_BY[eyes]) @ linear, 0, 1)
        cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
        to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
        return np.array(to_lab) @ np.cbrt(np.array(cones) @ rgb)

    for one, other in combinations([COLORS["uncertain"], *PALETTE], 2):
        assert np.linalg.norm(seen(one) - seen(other)) > 0.09, (one, other)


def test_the_colors_of_gender_are_kept_whatever_the_order() -> None:
    turned = Label(name="sex", classes=("man", "woman"))
    for label in (GENDER, turned):
        assert {name: color_of(label, name) for name in COLORS} == COLORS
    mixed = Label(name="who", classes=("woman", "child", "man"))
    assert len({color_of(mixed, name) for name in (*mixed.classes, "uncertain")}) == 4
    many = Label(name="n", classes=tuple(map(str, range(100))))
    assert color_of(many, "99") in PALETTE
