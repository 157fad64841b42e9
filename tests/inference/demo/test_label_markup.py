"""The HTML of labels."""

import re

import pytest

from data import GENDER, Label
from inference.bundle import LabelInfo
from inference.demo import label_markup
from inference.faces import Box, Face, Prediction

SMILING = Label(name="Smiling", classes=("no", "yes"))
HAIR = Label(name="hair", classes=("fair", "brown", "black"))
MANY = Label(name="many", classes=tuple(f"class{number}" for number in range(100)))
HOSTILE = ("<script>alert('&')</script>", '" onload="x', "</td></table>", "שלום", "😀", "x" * 80)


def info(label: Label, *least: float) -> LabelInfo:
    point = {"least": least} if least else None
    facts = {"name": label.name, "classes": label.classes, "output": label.output}
    return LabelInfo.model_validate(facts | {"operating_point": point})


def entry(*given: tuple[LabelInfo, tuple[float, ...]], quality: float = 0.9) -> str:
    predictions = tuple(Prediction(one.label, p, one.decide(p)) for one, p in given)
    face = Face(0, Box(2, 2, 20, 20), predictions, 0.9, quality)
    return label_markup.entry(face, [one for one, _ in given])


def widths(html: str, kind: str) -> list[str]:
    return re.findall(rf'class="{kind}" style="[^"]*width:([\d.]+%)"', html)


@pytest.mark.parametrize(
    ("least", "zone"),
    [
        ((0.7, 0.6), ("30.0%", "30.0%")),
        ((0.5, 0.5), ("50.0%", "0.0%")),
        ((0.25, 0.75), ("75.0%", "0.0%")),  # a threshold of 0.75, of bundles made before
        ((0.4, 0.4), ("60.0%", "0.0%")),
        ((), ("0.0%", "0.0%")),
        ((0, 0), ("0.0%", "0.0%")),
        ((1, 1), ("0.0%", "100.0%")),
    ],
)
def test_gender_has_one_scale_with_its_zone(
    least: tuple[float, ...], zone: tuple[str, str]
) -> None:
    html = entry((info(GENDER, *least), (0.2, 0.8)))
    assert ("Perceived as a man" in html) is (
        least != (1, 1)
    ) and "<bdi>man</bdi> <b>80.0%</b>" in html
    assert f'class="band" style="left:{zone[0]};width:{zone[1]}"' in html
    assert 'class="probability" style="left:80.0%"' in html


def test_a_class_has_a_bar_with_the_zone_in_which_it_is_not_named() -> None:
    html = entry((info(HAIR, 0.5, 0.6, 0.7), (0.2, 0.65, 0.15)))
    assert "<bdi>hair</bdi>: <bdi>brown</bdi>" in html
    assert widths(html, "zone") == ["50.0%", "60.0%", "70.0%"]
    assert widths(html, "fill") == ["20.0%", "65.0%", "15.0%"]
    assert html.count('class="bar decided"') == 1
    assert 'aria-label="brown is named from 60.0% on"' in html
    assert "others" not in html


def test_no_bar_is_marked_where_no_class_is_named() -> None:
    html = entry((info(HAIR, 0.5, 0.7, 0.7), (0.2, 0.65, 0.15)))
    assert "<bdi>hair</bdi>: uncertain" in html and "decided" not in html


@pytest.mark.parametrize("least", [(), (0, 0, 0)])
def test_a_model_that_always_decides_has_no_zone(least: tuple[float, ...]) -> None:
    html = entry((info(HAIR, *least), (0.2, 0.65, 0.15)))
    assert "zone" not in html and html.count('aria-hidden="true"') == 3
    assert label_markup.legend([info(HAIR, *least)]) == ""
    assert "shaded" in label_markup.legend([info(HAIR, 0.5, 0.5, 0.5)])
    assert label_markup.legend([info(GENDER, 0.4, 0.4)]) == ""


def test_of_many_classes_the_five_likeliest_are_shown() -> None:
    p = (0.1, 0.4, 0.05, 0.3, 0.06, *[0.09 / 95] * 95)
    html = entry((info(MANY, *[0.35] * 100), p))
    names = re.findall("<bdi>(class[^<]*)", html)
    assert names == ["class1", *(f"class{number}" for number in (1, 3, 0, 4, 2))]
    assert "and 95 others, together: 9.0%" in html


def test_the_class_that_was_decided_is_among_the_five() -> None:
    least = [0.9] * 99 + [0.005]
    html = entry((info(MANY, *least), (*[0.01] * 100,)))
    assert html.count('class="bar decided"') == 1 and html.count('class="track"') == 5
    assert html.index("<bdi>class99</bdi></span>") < html.index("<bdi>class0</bdi></span>")


def test_several_labels_are_a_row_each_that_opens_for_more_than_two_classes() -> None:
    html = entry(
        (info(SMILING, 0.7, 0.7), (0.1, 0.9)),
        (info(GENDER, 0.7, 0.7), (0.6, 0.4)),
        (info(HAIR, 0.5, 0.6, 0.7), (0.2, 0.65, 0.15)),
    )
    assert "<bdi>yes</bdi> <small>90.0%</small>" in html
    assert "uncertain <small><bdi>woman</bdi> 60.0%</small>" in html
    assert html.count("<details>") == 1 and html.count('class="bar') - 1 == 3
    assert widths(html, "zone")[:3] == ["70.0%", "70.0%", "60.0%"]
    assert html.count('class="row decided"') == 2


@pytest.mark.parametrize("labels", [[GENDER], [HAIR], [SMILING, HAIR]])
def test_a_face_that_cannot_be_judged_has_no_percentage(labels: list[Label]) -> None:
    even = [(info(one), tuple(1 / len(one.classes) for _ in one.classes)) for one in labels]
    html = entry(*even, quality=0.1)
    assert "turned away, hidden or no face" in html and "%" not in html


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_break_the_page(name: str) -> None:
    label = Label(name=name, classes=(f"{name[:70]}1", f"{name[:70]}2", f"{name[:70]}3"))
    one = (info(label, 0.5, 0.5, 0.5), (0.7, 0.2, 0.1))
    html = entry(one) + entry(one, (info(SMILING), (0.1, 0.9)))
    html += label_markup.notices([label]) + label_markup.meanings([label])
    opened = set(re.findall(r"<(\w+)", html))
    known = {"li", "div", "b", "bdi", "span", "small", "ul", "details", "summary", "p", "dl"}
    assert opened <= known | {"dt", "dd", "br", "i"}
    for tag in opened - {"br"}:
        assert len(re.findall(rf"<{tag}\b", html)) == html.count(f"</{tag}>"), tag
    outside = re.findall(r"<[^>]*>", re.sub(r'"[^"]*"', '""', html))
    assert not [tag for tag in outside if "onload" in tag]


def test_captions_stay_short() -> None:
    assert label_markup.summary(["x" * 80]) == f"{'x' * 29}…"
    assert label_markup.summary(list("abcd")) == "a, b, c, d"
    assert label_markup.summary(list("abcde")) == "a, b, c and 2 more"


def test_labels_that_call_for_care_have_their_notices() -> None:
    young = Label(name="Young", classes=("no", "yes"))
    html = label_markup.notices([SMILING, young, GENDER])
    assert "not how old" in html and "not a person&#x27;s gender" in html
    assert "The other labels are what annotators saw" in html
    assert "The labels are what" in label_markup.notices([SMILING, HAIR])
    assert "The label &#x27;Smiling&#x27; is" in label_markup.notices([SMILING])
