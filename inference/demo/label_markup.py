"""The HTML of labels: what a model says of a face on each, from when on, and what that means.

The names of labels and classes are the user's words, of any length and script: all are escaped,
and kept apart from the page's own direction of writing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from data import GENDER, Label
from data.labels import UNCERTAIN
from data.meanings import kind_of, not_for, notice
from data.messages import one_line
from inference.annotation import color_of, face_color
from inference.bundle import LabelInfo
from inference.demo.picture_markup import ShownPicture, colors
from inference.detection.alignment import LEAST_QUALITY
from inference.faces import Face, Prediction

_BARS = 5  # of a label with more classes, the most likely ones
_NAMES = 3  # of labels in a caption
_LONGEST = 30  # characters of a name in a caption


def summary(labels: Iterable[str]) -> str:
    """Name labels in a few words, as plain text.

    Args:
        labels: Names of the labels.

    Example:
        >>> summary(["age", "hair", "Smiling", "Wearing_Hat", "Young"])
        'age, hair, Smiling and 2 more'
    """
    names = [one_line(name, _LONGEST) for name in labels]
    if len(names) <= _NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMES])} and {len(names) - _NAMES} more"


def word(name: str) -> str:
    """Write the name of a label or class, whose direction of writing does not turn what is around.

    Example:
        >>> word("<b>")
        '<bdi>&lt;b&gt;</bdi>'
    """
    return f"<bdi>{escape(name)}</bdi>"


def said(prediction: Prediction) -> str:
    """Write the decision on a label and the probability of the likeliest class in one line.

    Example:
        >>> said(Prediction(GENDER, (0.97, 0.03), "woman")).partition("</i>")[2]
        '<bdi>woman</bdi> <small>97.0%</small>'
        >>> said(Prediction(GENDER, (0.6, 0.4), "uncertain")).partition("</i>")[2]
        'uncertain <small><bdi>woman</bdi> 60.0%</small>'
    """
    likeliest, percent = word(prediction.likeliest), f"{prediction.probability:.1%}"
    chip = _chip(prediction.label, prediction.decision)
    if prediction.decision == prediction.likeliest:
        return f"{chip}{likeliest} <small>{percent}</small>"
    return f"{chip}uncertain <small>{likeliest} {percent}</small>"


def _chip(label: Label, decision: str) -> str:
    return f'<i class="chip" style="{colors(color_of(label, decision))}"></i>'


def badge(face: Face) -> str:
    """Write a face's number in the color of its box."""
    return f'<b class="badge" style="{colors(face_color(face))}">{face.number}</b>'


def totals(faces: Sequence[Face]) -> str:
    """Write for each label how many faces got which answer.

    Args:
        faces: Faces with predictions of the same labels.

    Example:
        >>> from inference.faces import Box
        >>> faces = [Face(n, Box(0, 0, 9, 9), (Prediction(GENDER, (0.9, 0.1), "woman"),))
        ...          for n in range(12)]
        >>> "12</b> <bdi>woman</bdi>" in totals(faces)
        True
    """
    each = zip(*(face.predictions for face in faces), strict=True)
    return f'<ul class="totals">{"".join(map(_counts, each))}</ul>'


def _counts(predictions: Sequence[Prediction]) -> str:
    label = predictions[0].label
    counted = Counter(_decision(one) for one in predictions)
    counts = "".join(
        f'<span class="count">{_chip(label, one)}<b>{counted[one]}</b> {_decision_word(label, one)}'
        "</span>"
        for one in (*label.classes, UNCERTAIN)
        if counted[one]
    )
    return f'<li><span class="name">{word(label.name)}</span> {counts}</li>'


def crowd(faces: Sequence[Face], infos: Sequence[LabelInfo], picture: ShownPicture) -> str:
    """Write a thumbnail, a number and an answer for each face, which opens to all that is said.

    Args:
        faces: Faces with a prediction for each label.
        infos: The labels, in the same order.
        picture: Picture of the faces.

    Returns:
        HTML of a list.
    """
    return f'<ol class="crowd">{"".join(_tile(face, infos, picture) for face in faces)}</ol>'


def _tile(face: Face, infos: Sequence[LabelInfo], picture: ShownPicture) -> str:
    decision = _decision_word(face.predictions[0].label, face.label)
    if face.label in infos[0].classes:
        decision += f" <small>{face.predictions[0].probability:.0%}</small>"
    title, body = _title_and_body(face, infos)
    return f"""<li><details><summary>{picture.thumbnail(face)}
<span>{badge(face)}<span class="short">{decision}</span></span></summary>
<div class="label">{title}</div>{body}</details></li>"""


def entry(face: Face, infos: Sequence[LabelInfo]) -> str:
    """Write a face's number and what the model says of it on each label.

    Args:
        face: Face with a prediction for each label.
        infos: The labels, in the same order.

    Returns:
        HTML of a list item.

    Example:
        >>> from inference.faces import Box
        >>> info = LabelInfo(name="hair", classes=("fair", "brown", "black"), output="p_hair")
        >>> brown = Prediction(info.label, (0.2, 0.7, 0.1), "brown")
        >>> html = entry(Face(0, Box(0, 0, 9, 9), (brown,)), [info])
        >>> "<bdi>hair</bdi>: <bdi>brown</bdi>" in html, html.count('class="track"')
        (True, 3)
    """
    title, body = _title_and_body(face, infos)
    return f'<li><div class="label">{badge(face)} {title}</div>{body}</li>'


def _title_and_body(face: Face, infos: Sequence[LabelInfo]) -> tuple[str, str]:
    if face.quality is not None and face.quality < LEAST_QUALITY:  # a percentage would mislead
        return "Uncertain: turned away, hidden or no face", ""
    if len(infos) > 1:
        rows = "".join(map(_row, face.predictions, infos))
        return f"Face {face.number}", f'<ul class="rows">{rows}</ul>'
    if infos[0].label == GENDER:
        return _gender_title(face.label), _scale(face.p_man, infos[0])
    [prediction] = face.predictions
    decision = _decision_word(prediction.label, prediction.decision)
    return f"{word(prediction.label.name)}: {decision}", _bars(prediction, infos[0])


def _decision(prediction: Prediction) -> str:
    is_class = prediction.decision in prediction.label.classes
    return prediction.decision if is_class else UNCERTAIN


def _decision_word(label: Label, decision: str) -> str:
    return word(decision) if decision in label.classes else UNCERTAIN


def _gender_title(decision: str) -> str:
    return f"Perceived as a {decision}" if decision in GENDER.classes else "Uncertain"


def _zone(info: LabelInfo) -> tuple[float, float]:
    """Return the probabilities of the second of two classes between which neither is named."""
    first, second = _least(info)
    if not first and not second:
        return 0.0, 0.0
    return 1 - first, max(1 - first, second)


def _scale(p: float, info: LabelInfo) -> str:
    """Write one scale from the first of two classes to the second."""
    (first, second), (low, high) = map(word, info.classes), _zone(info)
    ends = [color_of(info.label, name) for name in info.classes]
    turn = low if any(_least(info)) else 0.5
    text = f"probability of {info.classes[1]}: {p:.1%}"
    return f"""<div class="ends"><span>{first} <b>{1 - p:.1%}</b></span>
<span>{second} <b>{p:.1%}</b></span></div>
<div class="scale" style="--first:{ends[0]};--second:{ends[1]};--turn:{turn:.1%}" role="img"
aria-label="{escape(text)}">
<div class="band" style="left:{low:.1%};width:{high - low:.1%}"></div>
<div class="probability" style="left:{p:.1%}"></div></div>"""


def _bars(prediction: Prediction, info: LabelInfo) -> str:
    """Write a bar a class; of many classes the one that was decided, then the most likely ones."""
    names = list(info.classes)
    if len(names) > _BARS:
        names.sort(key=lambda name: (name != prediction.decision, -prediction[name]))
    shown, others = names[:_BARS], names[_BARS:]
    bars = "".join(_bar(name, prediction, info) for name in shown)
    together = sum(prediction[name] for name in others)
    more = f'<p class="small">and {_others(len(others))}: {together:.1%}</p>' if others else ""
    return f'<ul class="bars">{bars}</ul>{more}'


def _others(number: int) -> str:
    return "1 other" if number == 1 else f"{number} others, together"


def _bar(name: str, prediction: Prediction, info: LabelInfo) -> str:
    kind = "bar decided" if name == prediction.decision else "bar"
    return f"""<li class="{kind}"><span class="name">{word(name)}</span>
{_track(name, prediction, info)}<b>{prediction[name]:.1%}</b></li>"""


def _track(name: str, prediction: Prediction, info: LabelInfo) -> str:
    """Write a bar; up to the probability from which on its class is named, it is shaded."""
    p, least = prediction[name], _least(info)[info.classes.index(name)]
    color = color_of(prediction.label, name)
    fill = f'<span class="fill" style="background:{color};width:{p:.1%}"></span>'
    if not least:
        return f'<span class="track" aria-hidden="true">{fill}</span>'
    zone = f'<span class="zone" style="width:{least:.1%}"></span>'
    text = f"{name} is named from {least:.1%} on"
    return f'<span class="track" role="img" aria-label="{escape(text)}">{zone}{fill}</span>'


def _least(info: LabelInfo) -> tuple[float, ...]:
    """Return the probability from which on each class is named; zeros where one always is."""
    return info.operating_point.least if info.operating_point else (0.0,) * len(info.classes)


def _row(prediction: Prediction, info: LabelInfo) -> str:
    """Write one of several labels in one line, which opens where it has more than two classes."""
    name, decision = prediction.likeliest, prediction.decision
    kind = "row decided" if decision == name else "row"
    line = f"""<span class="name">{word(info.name)}</span>{_track(name, prediction, info)}
<span class="said">{said(prediction)}</span>"""
    if info.label.is_binary:
        return f'<li class="{kind}">{line}</li>'
    bars = _bars(prediction, info)
    return f'<li><details><summary class="{kind}">{line}</summary>{bars}</details></li>'


def legend(infos: Sequence[LabelInfo]) -> str:
    """Say where the model does not decide, and which of several labels the captions are of.

    Example:
        >>> point = {"least": (0.7, 0.6)}
        >>> info = LabelInfo(
        ...     name="gender", classes=("woman", "man"), output="p_man", operating_point=point
        ... )
        >>> print(legend([info]))
        <p class="small">Where the probability of man is between 30% and 60% (shaded), the label is
        uncertain.</p>
    """
    if len(infos) > 1:
        name = word(infos[0].name)
        return f'{_shading(infos)}<p class="small">The captions in the picture are of {name}.</p>'
    return _shading(infos)


def _shading(infos: Sequence[LabelInfo]) -> str:
    if not any(any(_least(info)) for info in infos):
        return ""
    if len(infos) > 1 or infos[0].label != GENDER:
        return """<p class="small">The class is named whose bar reaches furthest beyond its shaded
part; where none does, the label is uncertain.</p>"""
    low, high = _zone(infos[0])
    if low == high:
        return ""
    return f"""<p class="small">Where the probability of man is between {low:.0%} and {high:.0%} \
(shaded), the label is
uncertain.</p>"""


def notices(labels: Sequence[Label]) -> str:
    """Say what labels mean, and what they do not; those that call for care each by itself.

    Example:
        >>> html = notices([Label(name=one, classes=("no", "yes")) for one in ("Smiling", "Young")])
        >>> "how old annotators judged" in html, "The other labels are what annotators saw" in html
        (True, True)
    """
    if len(labels) == 1:
        return f'<p class="small">{escape(notice(labels[0]))}</p>'
    careful = [label for label in labels if kind_of(label) != "appearance"]
    lines = [f"<b>{word(label.name)}</b>: {escape(notice(label))}" for label in careful]
    if len(careful) < len(labels):
        which = "The other labels" if careful else "The labels"
        lines.append(f"{which} are what annotators saw in a photo; others may see it otherwise.")
    return f'<ul class="small notices">{"".join(f"<li>{line}</li>" for line in lines)}</ul>'


def meanings(labels: Iterable[Label]) -> str:
    """Write each label with its classes, what it means, and what it must not be used for.

    Example:
        >>> "must not be used for deciding about a person" in meanings([GENDER])
        True
    """
    entries = "".join(
        f"<dt>{word(label.name)}</dt><dd>{_classes(label)}<br>{escape(notice(label))} "
        f"A model of it must not be used for {escape(not_for(label))}.</dd>"
        for label in labels
    )
    return f'<dl class="meanings">{entries}</dl>'


def _classes(label: Label) -> str:
    return " · ".join(map(word, label.classes))
