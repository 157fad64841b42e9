"""What a bundle and the index of a models folder say: the records of their JSON files.

`artifacts/models/` holds `index.json` (the order and the champion) and one folder a model:
`bundle.json` (a `BundleInfo`), `MODEL_CARD.md`, and the formats that `bundle.json` lists with
their SHA-256. The export writes bundles; serving reads them and refuses what was changed.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from data import Framing
from inference.bundle.files import digest, size_of
from inference.errors import BundleError

SCHEMA_VERSION: Literal[1] = 1
EXPORT_AGAIN = "write it again with `make export`"

Label = Literal["woman", "man", "uncertain"]
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
    """The graph's input: uint8 RGB [N, size, size, 3] in 0..255, framed as in training."""

    name: str = "image"
    size: int = Field(gt=0, description="side in pixels")
    framing: Framing


class Band(_Facts):
    """Between `low` and `high` (both excluded) the answer is "uncertain"."""

    low: _Share
    high: _Share
    target_accuracy: _Share | None = Field(default=None, description="asked of the decisions given")
    accuracy: _Share | None = Field(
        default=None, description="of the decisions given, on validation"
    )
    share_uncertain: _Share | None = Field(default=None, description="of all images, on validation")


class DataFacts(_Facts):
    """The images that the model was trained and tested on."""

    name: str
    fingerprint: str
    counts: dict[str, int] = Field(default_factory=dict, description="images by split")


class WeightFacts(_Facts):
    """Where the weights came from before fine-tuning."""

    source: str
    fingerprint: str = ""


class Metrics(BaseModel):
    """Figures from the untouched test split; any further figure may stand beside these."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    test_accuracy: _Share | None = None
    test_accuracy_interval: tuple[_Share, _Share] | None = Field(default=None, description="95 %")


class ModelFile(_Facts):
    """One exported form of the model, with what was measured on it."""

    file: _Name
    sha256: str
    bytes: int
    accuracy: _Share | None = Field(default=None, description="on the test split")
    latency_ms: float | None = Field(default=None, description="median at batch 1")
    throughput: float | None = Field(default=None, description="images a second at batch 16")
    passed: bool = Field(
        default=True, description="it decides as the trained model does; else not served"
    )

    @classmethod
    def of(cls, path: Path, **measured: Any) -> Self:
        """Describe the file or folder at `path`; `measured` fills the other fields."""
        return cls(file=path.name, sha256=digest(path), bytes=size_of(path), **measured)


class CheckImages(_Facts):
    """Drawn images, no photos, with what each form gave for them at export.

    A form that gives anything else where it is served is not the model that was exported, whatever
    its SHA-256 says: see `inference.runtime.self_check`.
    """

    file: _Name = Field(description="PNG, the images below each other; see `Bundle.check_images`")
    sha256: str
    expected: dict[Precision, tuple[_Share, ...]] = Field(description="p_man of each image")


class QuantizationTrial(_Facts):
    """One way to make INT8, and what it lost against fp32 on the validation split."""

    settings: str
    images: int
    accuracy_lost: float = Field(ge=-1, le=1, description="negative where INT8 is the better")
    changed_decisions: _Share
    passed: bool


class Timing(_Facts):
    """One form of the model at export; a fresh process for the last two."""

    latency_ms: float = Field(description="of one image, median")
    throughput: float = Field(description="images a second in batches of `Speed.batch`")
    cold_start_s: float | None = Field(
        default=None, description="from the start of Python to the first answer"
    )
    peak_mb: float | None = Field(default=None, description="largest resident memory, 10^6 bytes")


class Speed(_Facts):
    """What was timed at export, side by side, and on what machine."""

    processor: str
    threads: int
    batch: int
    rounds: int
    timings: dict[str, Timing] = Field(description="by form: keras, saved_model, fp32, int8")


class Gap(_Facts):
    """A feature of the test images by which accuracy differs, with a bootstrapped interval."""

    feature: str
    worst: str
    best: str
    worst_accuracy: _Share
    best_accuracy: _Share
    gap: _Share
    interval: tuple[float, float] = Field(description="95 %, by identities")


class BundleInfo(_Facts):
    """The facts in `bundle.json`. `p_man` is the calibrated probability of the label "man"."""

    schema_version: Literal[1] = 1
    backbone: _Name
    labels: tuple[str, str] = Field(
        default=("woman", "man"), description="the graph's output is the probability of the second"
    )
    input: Input
    output: str = "p_man"
    temperature: float = Field(default=1.0, gt=0, description="already inside the graph")
    threshold: _Share = Field(default=0.5, description="operating point on p_man")
    band: Band | None = None
    synthetic: bool = Field(
        default=False, description="trained on drawn faces: measures the plumbing"
    )
    hyperparameters: dict[str, JsonValue] = Field(default_factory=dict)
    data: DataFacts
    weights: WeightFacts
    versions: dict[str, str] = Field(default_factory=dict, description="package -> version")
    created: str = Field(default="", description="ISO 8601")
    run: str = ""
    metrics: Metrics = Metrics()
    formats: dict[FormatName, ModelFile] = Field(default_factory=dict)
    quantization: tuple[QuantizationTrial, ...] = Field(
        default=(),
        alias="quantisation",  # its name in bundle.json
        description="as tried; none passed: there is no INT8 model",
    )
    speed: Speed | None = None
    audit: tuple[Gap, ...] = Field(default=(), description="the largest gaps; all: audit.csv")
    checks: CheckImages | None = Field(default=None, description="None in bundles made before them")

    @field_validator("labels")
    @classmethod
    def _labels_are_known(cls, labels: tuple[str, str]) -> tuple[str, str]:
        if set(labels) != {"woman", "man"}:
            raise ValueError(f"{', '.join(labels)}: this program serves woman and man")
        return labels

    @model_validator(mode="after")
    def _band_holds_threshold(self) -> Self:
        if self.band and not self.band.low <= self.threshold <= self.band.high:
            raise ValueError("the operating point must lie inside the uncertainty band")
        return self

    def label_of(self, p_man: float) -> Label:
        """Return the label for a probability of "man": the one decision rule of serving.

        Args:
            p_man: Calibrated probability, 0..1.

        Returns:
            "man" from the upper end of the band on, "woman" up to its lower end, else (also for
            NaN) "uncertain". A model without a band decides by its threshold.
        """
        low, high = (self.band.low, self.band.high) if self.band else (self.threshold,) * 2
        if p_man >= high:
            return "man"
        return "woman" if p_man <= low else "uncertain"


class Index(_Facts):
    """`index.json`: the bundles in rank order, and the one that is used unless told otherwise."""

    schema_version: Literal[1] = 1
    champion: _Name
    bundles: tuple[_Name, ...]

    @property
    def ranked(self) -> tuple[str, ...]:
        """The champion, then the others in rank order."""
        return (self.champion, *(name for name in self.bundles if name != self.champion))

    @model_validator(mode="after")
    def _champion_is_listed(self) -> Self:
        if self.champion not in self.bundles:
            raise ValueError(f"the champion {self.champion} is not among the bundles")
        return self


_Record = TypeVar("_Record", bound=BaseModel)


def validated(model: type[_Record], content: Any, path: Path) -> _Record:
    """`content` as a record; `path` names the file in the BundleError of what does not fit."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise BundleError(f"{path}: {where}: {first['msg']}; {EXPORT_AGAIN}") from None
