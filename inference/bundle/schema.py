"""What a bundle and the index of a models folder say: the records of their JSON files.

`artifacts/models/` holds `index.json` (the order and the champion) and one folder a model:
`bundle.json` (a `BundleInfo`), `MODEL_CARD.md`, and the formats that `bundle.json` lists with
their SHA-256. The export writes bundles; serving reads them and refuses what was changed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from data import GENDER, Framing, Label
from data.labels import UNCERTAIN, decisions, probability_columns
from data.messages import one_line, printable
from inference.bundle.files import digest, size_of
from inference.errors import BundleError

SCHEMA_VERSION: Literal[2] = 2
READ_VERSIONS = (1, 2)
"""Schema versions of a bundle that are read; the last one is written."""

MAX_LABELS = 100
"""More in one bundle are taken for damage."""

EXPORT_AGAIN = "write it again with `make export`"

Precision = Literal["int8", "fp32"]
FormatName = Literal["fp32", "int8", "saved_model"]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # stays inside its folder
_Share = Annotated[float, Field(ge=0, le=1)]


class _Facts(BaseModel):
    """A frozen record that refuses fields it does not know and numbers that JSON cannot hold."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Input(_Facts):
    """The graph's input: uint8 RGB [N, size, size, 3], 0..255, framed as in training.

    Example:
        >>> Input(size=96, framing="face")
        Input(name='image', size=96, framing='face')
    """

    name: str = Field(default="image", description="Name of the input in the graph")
    size: int = Field(gt=0, description="Side in pixels")
    framing: Framing = Field(description="Part of an aligned face that the model sees")


class DataFacts(_Facts):
    """The images that the model was trained and tested on.

    Example:
        >>> facts = DataFacts(name="CelebA", fingerprint="0a1b", counts={"train": 800, "test": 200})
        >>> sum(facts.counts.values())
        1000
    """

    name: str = Field(description="Name of the data set")
    fingerprint: str = Field(description="Fingerprint of the images and their labels")
    counts: dict[str, int] = Field(
        default_factory=dict, description="Number of images of each split"
    )


class WeightFacts(_Facts):
    """The weights before fine-tuning.

    Example:
        >>> WeightFacts(source="imagenet", fingerprint="2c3d").model_dump_json()
        '{"source":"imagenet","fingerprint":"2c3d"}'
    """

    source: str = Field(description="Where the weights came from")
    fingerprint: str = Field(default="", description="Fingerprint of the weights")


class Metrics(BaseModel):
    """Figures from the untouched test split; any further figure may stand beside these.

    Example:
        >>> Metrics(test_accuracy=0.97, test_brier=0.02).model_dump(exclude_none=True)
        {'test_accuracy': 0.97, 'test_brier': 0.02}
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    test_accuracy: _Share | None = Field(default=None, description="Share of correct predictions")
    test_accuracy_interval: tuple[_Share, _Share] | None = Field(
        default=None, description="Ends of the accuracy's 95 % interval"
    )


class OperatingPoint(_Facts):
    """How sure the model must be to name a class; below that it says "uncertain".

    Example:
        >>> OperatingPoint(least=(0.7, 0.7), accuracy=0.99).model_dump(exclude_none=True)
        {'least': (0.7, 0.7), 'accuracy': 0.99}
    """

    least: tuple[_Share, ...] = Field(
        description="Smallest probability of each class with which it is named"
    )
    target_accuracy: _Share | None = Field(
        default=None, description="Accuracy wanted of the decisions given"
    )
    accuracy: _Share | None = Field(
        default=None, description="Accuracy of the decisions given on the validation split"
    )
    accuracy_bound: _Share | None = Field(
        default=None, description="Lower end of its 95 % interval, of one side in older bundles"
    )
    share_uncertain: _Share | None = Field(
        default=None, description="Share of the validation split that is uncertain"
    )


class Calibration(_Facts):
    """What the logits of a label are scaled by, inside the graph: slope times logit plus bias.

    Example:
        >>> Calibration(slope=0.8, bias=(0.3,)).model_dump()
        {'slope': 0.8, 'bias': (0.3,)}
    """

    slope: float = Field(gt=0, description="Number that each logit is multiplied by")
    bias: tuple[float, ...] = Field(
        min_length=1, description="Number that is added to each logit: one of two classes, else all"
    )


class LabelInfo(_Facts):
    """A label that the model predicts, and how its classes are decided.

    Example:
        >>> smiling = LabelInfo(
        ...     name="Smiling",
        ...     classes=("no", "yes"),
        ...     output="p_Smiling",
        ...     operating_point=OperatingPoint(least=(0.7, 0.7)),
        ... )
        >>> [smiling.decide(p) for p in ((0.8, 0.2), (0.5, 0.5), (0.2, 0.8))]
        ['no', 'uncertain', 'yes']
    """

    name: str = Field(description="Name of the label")
    classes: tuple[str, ...] = Field(description="Names of its classes")
    output: str = Field(
        pattern=r"^[A-Za-z0-9_.:/-]{1,100}$",
        description="Name of its probabilities in the graph: float32 [N, 1], the second class's, "
        "of two classes; of more [N, classes]",
    )
    class_activations: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.:/-]{1,110}$",
        description="Name of its class activations in the graph, float32 [N, height, width, 1 or "
        "classes]: their means are its logits but for constants; None where the head has a hidden "
        "layer, and in bundles made before them",
    )
    calibration: Calibration | None = Field(
        default=None,
        description="Calibration, already inside the graph; None where it is not known",
    )
    operating_point: OperatingPoint | None = Field(
        default=None, description="None to always name the most likely class"
    )
    metrics: Metrics = Field(default=Metrics(), description="Figures on the test split")

    @property
    def slope(self) -> float:
        """Number that the graph multiplies the logits by, 1 where it is not known."""
        return self.calibration.slope if self.calibration else 1.0

    @property
    def is_undecided(self) -> bool:
        """Whether no operating point holds, so that every face is "uncertain"."""
        return self.operating_point is not None and min(self.operating_point.least) == 1

    @property
    def label(self) -> Label:
        """The label and its classes alone."""
        return Label(name=self.name, classes=self.classes)

    @model_validator(mode="before")
    @classmethod
    def _temperature_was_the_calibration(cls, content: Any) -> Any:
        """Read `temperature`, by which older bundles' logits are divided."""
        if not isinstance(content, Mapping) or "temperature" not in content:
            return content
        others = {name: value for name, value in content.items() if name != "temperature"}
        try:
            old = _Temperature.model_validate(content)
        except ValidationError as error:
            raise ValueError(_first(error)) from None
        bias = (0.0,) * (1 if len(old.classes) == 2 else len(old.classes))
        return {"calibration": {"slope": 1 / old.temperature, "bias": bias}, **others}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            label = Label(name=self.name, classes=self.classes)  # the rules of names are there
        except ValidationError as error:
            raise ValueError(_first(error)) from None
        if self.calibration and len(self.calibration.bias) != label.width:
            raise ValueError("the calibration must have a bias for each logit")
        point = self.operating_point
        if point and len(point.least) != len(self.classes):
            raise ValueError("the operating point must have a number for each class")
        return self

    def decide(self, p: Sequence[float]) -> str:
        """Name the class for its probabilities: the one decision rule of serving.

        Args:
            p: Calibrated probability of each class, 0..1.

        Returns:
            The class whose probability is furthest above what it must reach, the last of several;
            "uncertain" where none reaches it, where one is not a number, and where each would
            have to reach 1: nothing was to be decided then, but very sure networks say exactly 1.
        """
        point = self.operating_point
        least = point.least if point else [1 / len(self.classes)] * len(self.classes)
        above = np.asarray(p, np.float64) - np.asarray(least)
        if self.is_undecided or not np.isfinite(above).all():
            return UNCERTAIN
        best = int(decisions(above[None])[0])
        if point and above[best] < 0:
            return UNCERTAIN
        return self.classes[best]


class ModelFile(_Facts):
    """One file or folder with the model, and what was measured on it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "model.onnx")
        ...     _ = path.write_bytes(b"12345")
        ...     file = ModelFile.of(path, accuracy=0.97)
        >>> file.file, file.bytes, file.passed
        ('model.onnx', 5, True)
    """

    file: _Name = Field(description="Name in the bundle's folder")
    sha256: str = Field(description="SHA-256 in hex, see `inference.bundle.files.digest`")
    bytes: int = Field(description="Size in bytes")
    accuracy: _Share | None = Field(default=None, description="Accuracy on the test split")
    accuracy_interval: tuple[_Share, _Share] | None = Field(
        default=None, description="Ends of its 95 % interval; None where there are several labels"
    )
    latency_ms: float | None = Field(
        default=None, description="Milliseconds for one image, the median"
    )
    throughput: float | None = Field(
        default=None, description="Images a second in batches of 16, by the median"
    )
    passed: bool = Field(
        default=True, description="Whether it decides as the trained model does; else not served"
    )

    @classmethod
    def of(cls, path: Path, **measured: Any) -> Self:
        """Describe a file or folder.

        Args:
            path: Path of the model's file or folder, named as in the bundle.
            **measured: Values of the fields from `accuracy` on.
        """
        return cls(file=path.name, sha256=digest(path), bytes=size_of(path), **measured)


class CheckImages(_Facts):
    """Drawn images, no photos, with the probabilities that each form gave for them at export.

    A form that gives anything else where it is served is not the model that was exported, whatever
    its SHA-256 says: see `inference.runtime.self_check`.

    Example:
        >>> expected = {"fp32": ((0.88, 0.12), (0.1, 0.9)), "int8": ((0.87, 0.13), (0.1, 0.9))}
        >>> checks = CheckImages(file="checks.png", sha256="0" * 64, expected=expected)
        >>> len(checks.expected["int8"])
        2
    """

    file: _Name = Field(description="PNG of the images below each other; see `Bundle.check_images`")
    sha256: str = Field(description="SHA-256 of the file in hex")
    expected: dict[Precision, tuple[tuple[_Share, ...], ...]] = Field(
        description="Probabilities of each image, all classes of all labels"
    )
    openvino_int8: tuple[tuple[_Share, ...], ...] = Field(
        default=(),
        exclude_if=lambda p: not p,  # readers from before OpenVINO know no such field
        description="The same by OpenVINO from the INT8 form, which it rounds otherwise than "
        "onnxruntime; nothing unless it was installed and passed the gate as well",
    )


class QuantizationTrial(_Facts):
    """One way to make an INT8 model, and what it lost against fp32 on the validation split.

    Example:
        >>> trial = QuantizationTrial(
        ...     settings="per channel", images=400, accuracy_lost=0.005, changed_decisions=0.01,
        ...     passed=True,
        ... )
        >>> f"{trial.changed_decisions * trial.images:g} of {trial.images} decisions changed"
        '4 of 400 decisions changed'
    """

    settings: str = Field(description="Name of the recipe")
    images: int = Field(description="Number of validation images that were compared")
    accuracy_lost: float = Field(
        ge=-1,
        le=1,
        description="Accuracy of fp32 minus that of INT8, which may be negative; of several labels "
        "the largest",
    )
    changed_decisions: _Share = Field(
        description="Share of images with another decision; of several labels the largest"
    )
    passed: bool = Field(description="Whether the model may be served")


class Timing(_Facts):
    """How fast one form of the model was at export; the last two are of a fresh process.

    Example:
        >>> Timing(latency_ms=8.0, throughput=160.0).model_dump(exclude_none=True)
        {'latency_ms': 8.0, 'throughput': 160.0}
    """

    latency_ms: float = Field(description="Milliseconds for one image, the median")
    throughput: float = Field(description="Images a second in batches of `Speed.batch_size`")
    cold_start_s: float | None = Field(
        default=None, description="Seconds from the start of Python to the first prediction"
    )
    peak_mb: float | None = Field(default=None, description="Largest resident memory in 10^6 bytes")


class Speed(_Facts):
    """What was timed at export, side by side, and on what machine.

    Example:
        >>> timings = {
        ...     "fp32": Timing(latency_ms=20.0, throughput=70.0),
        ...     "int8": Timing(latency_ms=8.0, throughput=160.0),
        ... }
        >>> speed = Speed(processor="Xeon", threads=2, batch_size=16, rounds=9, timings=timings)
        >>> min(speed.timings, key=lambda form: speed.timings[form].latency_ms)
        'int8'
        >>> speed.model_dump()["batch"]
        16
    """

    processor: str = Field(description="Name of the processor with its instruction set")
    threads: int = Field(description="Number of threads of a run")
    batch_size: int = Field(alias="batch", description="Number of images in a batch")
    rounds: int = Field(description="Number of timed rounds in which all forms took turns")
    timings: dict[str, Timing] = Field(
        description="Timing of each form: keras, saved_model, fp32, int8"
    )


class Gap(_Facts):
    """A feature of the test images by which accuracy differs, with a bootstrapped interval.

    Example:
        >>> gap = Gap(
        ...     feature="brightness", worst="darkest fifth", best="middle fifth",
        ...     worst_accuracy=0.93, best_accuracy=0.98, gap=0.05, interval=(0.02, 0.08),
        ... )
        >>> gap.interval[0] > 0  # more than chance
        True
    """

    label: str = Field(default=GENDER.name, description="Label whose accuracy it is")
    feature: str = Field(description="Attribute, brightness or image size")
    worst: str = Field(description="Group of images with the lowest accuracy")
    best: str = Field(description="Group of images with the highest accuracy")
    worst_accuracy: _Share = Field(description="Accuracy of the worst group")
    best_accuracy: _Share = Field(description="Accuracy of the best group")
    gap: _Share = Field(description="Difference between the two accuracies")
    interval: tuple[float, float] = Field(
        description="Ends of the gap's 95 % interval, by resampled identities"
    )


class BundleInfo(_Facts):
    """The facts in `bundle.json`.

    Example:
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[{"name": "gender", "classes": ("woman", "man"), "output": "p_man"}],
        ...     input=Input(size=96, framing="face"),
        ...     data=DataFacts(name="CelebA", fingerprint="0a1b"),
        ...     weights=WeightFacts(source="imagenet"),
        ... )
        >>> [info.labels[0].decide((1 - p, p)) for p in (0.2, 0.5, 0.8)]
        ['woman', 'man', 'man']
    """

    schema_version: Literal[2] = 2
    backbone: _Name = Field(description="Name of the network, such as vgg16")
    labels: tuple[LabelInfo, ...] = Field(
        min_length=1,
        max_length=MAX_LABELS,
        description="Labels that the graph gives probabilities of, in order",
    )
    input: Input = Field(description="What the graph takes")
    synthetic: bool = Field(
        default=False, description="Whether it was trained on drawn faces, which are no people"
    )
    hyperparameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Hyperparameters that the search chose"
    )
    data: DataFacts = Field(description="Images of training and testing")
    weights: WeightFacts = Field(description="Weights before fine-tuning")
    versions: dict[str, str] = Field(
        default_factory=dict, description="Version of each package that took part"
    )
    created: str = Field(default="", description="Time of the training, ISO 8601")
    run: str = Field(default="", description="Name of the run")
    metrics: Metrics = Field(
        default=Metrics(), description="Figures on the test split, means over the labels"
    )
    formats: dict[FormatName, ModelFile] = Field(
        default_factory=dict, description="The model in each format"
    )
    quantization: tuple[QuantizationTrial, ...] = Field(
        default=(),
        alias="quantisation",  # its name in bundle.json
        description="Trials in order; if none passed there is no INT8 model",
    )
    speed: Speed | None = Field(default=None, description="What was timed at export")
    audit: tuple[Gap, ...] = Field(
        default=(), description="The largest gaps in accuracy; all are in audit.csv"
    )
    checks: CheckImages | None = Field(
        default=None, description="Check images; None in bundles made before them"
    )

    @model_validator(mode="before")
    @classmethod
    def _gender_was_the_only_label(cls, content: Any) -> Any:
        """Read version 1, whose label was gender, its facts beside the others."""
        if not isinstance(content, dict) or content.get("schema_version") != 1:
            return content
        return from_version_1(content)

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        names = [info.name for info in self.labels]
        outputs = [info.output for info in self.labels]
        for group in (names, outputs, probability_columns(self.classes)):
            name, times = Counter(group).most_common(1)[0]
            if times > 1:
                raise ValueError(f"labels: {name!r} occurs twice")
        return self

    @model_validator(mode="after")
    def _expected_fits(self) -> Self:
        count = sum(len(info.classes) for info in self.labels)
        for rows in (self.checks.expected if self.checks else {}).values():
            if any(len(row) != count for row in rows):
                raise ValueError(f"checks.expected: must have {count} numbers an image")
        return self

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels and their classes alone, as `data.labels` takes them."""
        return tuple(info.label for info in self.labels)


class Index(_Facts):
    """`index.json`: the bundles in rank order, and the champion, which is used by default.

    Example:
        >>> Index(champion="vgg16", bundles=("resnet50", "vgg16")).ranked
        ('vgg16', 'resnet50')
    """

    schema_version: Literal[1] = 1
    champion: _Name = Field(description="Name of the bundle that is used by default")
    bundles: tuple[_Name, ...] = Field(description="Names of the bundles in rank order")

    @property
    def ranked(self) -> tuple[str, ...]:
        """The champion, then the others in rank order."""
        return (self.champion, *(name for name in self.bundles if name != self.champion))

    @model_validator(mode="after")
    def _champion_is_listed(self) -> Self:
        if self.champion not in self.bundles:
            raise ValueError(f"the champion {self.champion} is not among the bundles")
        return self


class _Temperature(BaseModel):
    """What bundles had in place of the calibration."""

    model_config = ConfigDict(allow_inf_nan=False)

    classes: tuple[str, ...] = ()
    temperature: float = Field(gt=0)


class _Band(_Facts):
    """What version 1 had in place of the operating point, of p_man."""

    low: _Share
    high: _Share
    target_accuracy: _Share | None = None
    accuracy: _Share | None = None
    share_uncertain: _Share | None = None


class _OldChecks(BaseModel):
    expected: dict[Precision, tuple[_Share, ...]]


class _Version1(BaseModel):
    """What version 1 said of its only label, gender, beside the other facts."""

    model_config = ConfigDict(allow_inf_nan=False)

    labels: tuple[Literal["woman", "man"], Literal["woman", "man"]] = ("woman", "man")
    output: str = "p_man"
    temperature: float = 1.0
    threshold: _Share = 0.5
    band: _Band | None = None
    checks: _OldChecks | None = None

    @property
    def operating_point(self) -> dict[str, Any] | None:
        if self.band:
            low, high = self.band.low, self.band.high
            return {
                "least": self.in_order(1 - low, high),
                **self.band.model_dump(exclude={"low", "high"}),
            }
        if self.threshold == 1 / 2:
            return None
        return {"least": self.in_order(1 - self.threshold, self.threshold)}

    def in_order(self, woman: float, man: float) -> tuple[float, float]:
        """Put a number of each class into the order of the labels."""
        return (man, woman) if self.labels[0] == "man" else (woman, man)


def from_version_1(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a `bundle.json` of schema version 1 as version 2 has it.

    Args:
        content: Content of the file, or of the metadata in an ONNX file, where numbers are text.

    Raises:
        ValueError: A fact of the label is not as version 1 had it.

    Example:
        >>> old = {"schema_version": 1, "backbone": "vgg16", "band": {"low": 0.25, "high": 0.75}}
        >>> from_version_1(old)["labels"][0]["operating_point"]["least"]
        (0.75, 0.75)
    """
    try:
        old = _Version1.model_validate(content)
    except ValidationError as error:
        raise ValueError(_first(error)) from None
    label = {
        "name": GENDER.name,
        "classes": old.labels,
        "output": old.output,
        "temperature": old.temperature,
        "operating_point": old.operating_point,
        "metrics": content.get("metrics", {}),
    }
    moved = ("output", "temperature", "threshold", "band")
    others = {name: value for name, value in content.items() if name not in moved}
    if old.checks:
        expected = {
            form: [old.in_order(1 - p, p) for p in images]
            for form, images in old.checks.expected.items()
        }
        others["checks"] = {**content["checks"], "expected": expected}
    return {**others, "schema_version": SCHEMA_VERSION, "labels": [label]}


_Record = TypeVar("_Record", bound=BaseModel)


def validated(model: type[_Record], content: Any, path: Path) -> _Record:
    """Return content from outside as a record.

    Args:
        model: Class of the record.
        content: Content of the file.
        path: File that the content is from, which the error names.

    Raises:
        BundleError: The content does not fit the record.

    Example:
        >>> validated(Input, {"size": 96, "framing": "face"}, Path("bundle.json")).size
        96
        >>> validated(Input, {"size": 0, "framing": "face"}, Path("bundle.json"))
        Traceback (most recent call last):
        inference.errors.BundleError: bundle.json: size: Input should be greater than 0; write it...
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        said = one_line(printable(_first(error)), 300)
        raise BundleError(f"{path}: {said}; {EXPORT_AGAIN}") from None


def _first(error: ValidationError) -> str:
    """Return where the first trouble is, and what it is."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    said = str(cause) if isinstance(cause, ValueError) else first["msg"]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), said)))
