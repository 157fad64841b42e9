"""What the page must know of a model: the record that is `facts.json` in the folder.

Names of labels and classes are users' words. The page sets them as text, never as HTML.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from data import GENDER, Framing
from data.labels import UNCERTAIN, class_slices
from data.meanings import not_for, notice
from inference.annotation import color_of
from inference.bundle import BundleInfo, LabelInfo, Precision
from inference.demo.label_markup import summary
from inference.runtime.self_check import TOLERANCE


class _Record(BaseModel):
    """A record whose names are JavaScript's."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class WebFile(_Record):
    """A file of the folder.

    Attributes:
        file: Path in the folder.
        bytes: Its size.

    Example:
        >>> WebFile(file="checks.png", bytes=512).model_dump_json()
        '{"file":"checks.png","bytes":512}'
    """

    file: str
    bytes: int


class WebForm(WebFile):
    """A form of the model.

    Attributes:
        precision: Precision of the form.
        expected: Probability of each class for each check image, as at export; None to trust it.
        tolerance: By how much a probability may differ from that.
    """

    precision: Precision
    expected: tuple[tuple[float, ...], ...] | None
    tolerance: float


class WebLabel(_Record):
    """A label, with what the page says of it.

    Attributes:
        name: Name of the label.
        classes: Names of its classes.
        output: Name of its probabilities in the graph.
        least: Probability of each class from which on it is named; None for always.
        colors: Color of each class.
        color_of_uncertain: Color of no decision.
        is_gender: Whether the page says "Perceived as a …".
        notice: What the label means, and what it does not.
        not_for: What a model of it must not be used for.

    Example:
        >>> info = LabelInfo(name="gender", classes=("woman", "man"), output="p_man")
        >>> label = WebLabel.of(info)
        >>> label.is_gender, label.least, len(label.colors)
        (True, None, 2)
    """

    name: str
    classes: tuple[str, ...]
    output: str
    least: tuple[float, ...] | None
    colors: tuple[str, ...]
    color_of_uncertain: str
    is_gender: bool
    notice: str
    not_for: str

    @classmethod
    def of(cls, info: LabelInfo) -> "WebLabel":
        """Say what the page needs of a label."""
        label = info.label
        return cls(
            name=label.name,
            classes=label.classes,
            output=info.output,
            least=info.operating_point.least if info.operating_point else None,
            colors=tuple(color_of(label, name) for name in label.classes),
            color_of_uncertain=color_of(label, UNCERTAIN),
            is_gender=label == GENDER,
            notice=notice(label),
            not_for=not_for(label),
        )


class WebInput(_Record):
    """The graph's input.

    Attributes:
        name: Name of the input in the graph.
        size: Side in pixels.
        framing: Part of an aligned face that the model sees.
    """

    name: str
    size: int
    framing: Framing


class WebFacts(_Record):
    """All that the page knows.

    Attributes:
        name: Name of the model.
        question: What is asked of faces.
        banner: Warning above the page; empty for none.
        accuracy: How often the model is correct, in words.
        input: Input of the graph.
        labels: Labels of the model.
        forms: Forms of the model, the first that is correct is used.
        checks: PNG with the check images, below each other; None if there are none.
        detector: Network of the face detector.
        runtime: WebAssembly of onnxruntime-web.
    """

    name: str
    question: str
    banner: str
    accuracy: str
    input: WebInput
    labels: tuple[WebLabel, ...]
    forms: tuple[WebForm, ...]
    checks: WebFile | None
    detector: WebFile
    runtime: WebFile


def form_of(info: BundleInfo, shown: BundleInfo, precision: Precision, file: WebFile) -> WebForm:
    """Describe a form of a model.

    Args:
        info: Facts of the model.
        shown: The same with the labels that the page shows.
        precision: Precision of the form.
        file: Its file in the folder.
    """
    rows = info.checks.expected.get(precision) if info.checks else None
    parts = [
        part
        for label, part in zip(info.labels, class_slices(info.classes), strict=True)
        if label in shown.labels
    ]
    expected = rows and tuple(sum((row[part] for part in parts), ()) for row in rows)
    return WebForm(
        file=file.file,
        bytes=file.bytes,
        precision=precision,
        expected=expected,
        tolerance=TOLERANCE[precision],
    )


def question(labels: Sequence[LabelInfo]) -> str:
    """Say what is asked of faces.

    Example:
        >>> question([LabelInfo(name="Smiling", classes=("no", "yes"), output="p_Smiling")])
        'What would annotators have said of these faces (Smiling), and how sure is the model?'
    """
    if [label.label for label in labels] == [GENDER]:
        return "Would annotators have labeled these faces woman or man, and how sure is the model?"
    names = summary(label.name for label in labels)
    return f"What would annotators have said of these faces ({names}), and how sure is the model?"


def banner(info: BundleInfo) -> str:
    """Warn of a model that was trained on drawn faces or decides nothing; empty for others.

    Args:
        info: Facts of the model, with the labels that the page shows.

    Example:
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[
        ...         {"name": "gender", "classes": ("woman", "man"), "output": "p_man",
        ...          "operating_point": {"least": (1.0, 1.0)}}
        ...     ],
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "CelebA", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ... )
        >>> banner(info)
        'Always uncertain: gender. The validation images do not show that even the surest half ...
    """
    said = []
    if info.synthetic:
        said.append(
            "The model was trained on drawn faces. These predictions only show that the pipeline "
            "works; on photos of people they mean nothing."
        )
    undecided = summary(label.name for label in info.labels if label.is_undecided)
    if undecided:
        said.append(
            f"Always uncertain: {undecided}. The validation images do not show that even the "
            "surest half of the decisions are correct often enough."
        )
    return " ".join(said)


def accuracy(info: BundleInfo) -> str:
    """Say how often the likeliest class is that of the annotators, of each label.

    Args:
        info: Facts of the model.

    Returns:
        A sentence or two; empty where nothing was measured.
    """
    said = [_accuracy_of(label) for label in info.labels if label.metrics.test_accuracy is not None]
    if not said:
        return ""
    return (
        f"On test images of {info.data.name} the likeliest class is that of the annotators for "
        f"{', '.join(said)}. Other pictures, above all other people, may fare worse."
    )


def _accuracy_of(label: LabelInfo) -> str:
    interval = label.metrics.test_accuracy_interval
    within = f" (95 % interval {interval[0]:.1%} to {interval[1]:.1%})" if interval else ""
    return f"{label.metrics.test_accuracy:.1%} of faces ({label.name}){within}"
