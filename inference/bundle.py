"""The bundle: a folder with one exported classifier and all that is known about it.

`artifacts/models/` holds `index.json` (the order and the champion) and one folder a model:
`bundle.json` (a `BundleInfo`), `MODEL_CARD.md`, and the formats that `bundle.json` lists with
their SHA-256. The export writes bundles; serving reads them and refuses what was changed.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from data import Framing, decode
from data.atomic import replacing_folder, write_text

SCHEMA_VERSION: Literal[1] = 1
INFO_FILE = "bundle.json"
CARD_FILE = "MODEL_CARD.md"
INDEX_FILE = "index.json"

MARGIN = 0.9
"""INT8 is served if it takes at most this part of fp32's time: fp32 is the exact one."""

_LARGEST_CHECKS = 50_000_000  # bytes
_LARGEST_JSON = 10_000_000  # bytes
_EXPORT_AGAIN = "write it again with `make export`"

Label = Literal["woman", "man", "uncertain"]
Precision = Literal["int8", "fp32"]
FormatName = Literal["fp32", "int8", "saved_model"]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]  # stays inside its folder
_Share = Annotated[float, Field(ge=0, le=1)]


class BundleError(RuntimeError):
    """Exported models that are missing, damaged, foreign or of another version; says what to do."""


class _Facts(BaseModel):
    """A frozen record that refuses fields it does not know and numbers that JSON cannot hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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


class Format(_Facts):
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
        return cls(file=path.name, sha256=digest(path), bytes=_bytes(path), **measured)


class Checks(_Facts):
    """Drawn images, no photos, with what each form gave for them at export.

    A form that gives anything else where it is served is not the model that was exported, whatever
    its SHA-256 says: see `inference.self_check`.
    """

    file: _Name = Field(description="PNG, the images below each other; see `Bundle.check_images`")
    sha256: str
    expected: dict[Precision, tuple[_Share, ...]] = Field(description="p_man of each image")


class Attempt(_Facts):
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
    formats: dict[FormatName, Format] = Field(default_factory=dict)
    quantisation: tuple[Attempt, ...] = Field(
        default=(), description="as tried; none passed: there is no INT8 model"
    )
    speed: Speed | None = None
    audit: tuple[Gap, ...] = Field(default=(), description="the largest gaps; all: audit.csv")
    checks: Checks | None = Field(default=None, description="missing in bundles made before them")

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


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk: `folder`, and the `info` read from it."""

    folder: Path
    info: BundleInfo

    @property
    def card(self) -> str | None:
        """The model card in Markdown, if the bundle has one that can be read."""
        try:
            return (self.folder / CARD_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def choose(self, precision: Precision | None = None) -> Precision:
        """Return the precision asked for, else the one that was the faster at export.

        Which of them is served when none is asked for, `inference.self_check` decides on each
        machine anew. Raises BundleError if the bundle does not have it, or it failed its check at
        export.
        """
        there = self.precisions()
        wanted = precision or self._faster_at_export()
        if wanted in there:
            return wanted
        if wanted in self.info.formats:
            raise BundleError(
                f"{self.folder}: {wanted} failed its check at export and is not served"
            )
        names = ", ".join(self.info.formats) or "none"
        raise BundleError(f"{self.folder} has no {wanted} model (there: {names})")

    def precisions(self) -> tuple[Precision, ...]:
        """Return the precisions that may be served, INT8 first."""
        formats = self.info.formats
        return tuple(p for p in get_args(Precision) if p in formats and formats[p].passed)

    def _faster_at_export(self) -> Precision:
        there, formats = self.precisions(), self.info.formats
        if len(there) < 2:
            return next(iter(there), "fp32")
        int8, fp32 = formats["int8"].latency_ms, formats["fp32"].latency_ms
        return faster(int8, fp32) if int8 and fp32 else "int8"

    def content(self, name: Precision) -> bytes:
        """Return an ONNX file's bytes, the same ones that were checked against its SHA-256.

        Raises BundleError that names the file if it is missing, cut off or changed.
        """
        form = self.info.formats[name]
        return self._checked_bytes(form.file, form.sha256, form.bytes)

    def check_images(self) -> np.ndarray:
        """Return the drawn images of `info.checks`, uint8 RGB [N, size, size, 3].

        Raises BundleError if there are none, or they are not those of the export.
        """
        checks, size = self.info.checks, self.info.input.size
        if checks is None:
            raise BundleError(f"{self.folder} has no check images: {_EXPORT_AGAIN}")
        try:
            strip = decode(self._checked_bytes(checks.file, checks.sha256))
            return np.asarray(strip).reshape(-1, size, size, 3)
        except ValueError:  # ImageError is one
            raise BundleError(
                f"{self.folder / checks.file} does not hold images of {size} pixels: "
                f"{_EXPORT_AGAIN}"
            ) from None

    def _checked_bytes(self, file: str, sha256: str, size: int | None = None) -> bytes:
        path = self.folder / file
        _refuse_other_size(path, size)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _changed(path)
        return content

    def verified(self, name: FormatName) -> Path:
        """Return the path of a format after checking it against its SHA-256.

        Raises BundleError that names the file if it is missing, cut off or changed.
        """
        form = self.info.formats[name]
        path = self.folder / form.file
        _refuse_other_size(path, form.bytes)
        if digest(path) != form.sha256:
            raise _changed(path)
        return path


def _refuse_other_size(path: Path, expected: int | None) -> None:
    """Refuse a file before it is read, for there is no end to how large it may be."""
    if not path.exists():
        raise BundleError(f"{path} is missing: {_EXPORT_AGAIN}")
    size = _bytes(path)
    if expected is not None and size < expected:
        raise BundleError(f"{path} is cut off ({size} of {expected} bytes): {_EXPORT_AGAIN}")
    if size > (_LARGEST_CHECKS if expected is None else expected):
        raise _changed(path)


def _changed(path: Path) -> BundleError:
    return BundleError(
        f"{path} is not the file that was exported (its SHA-256 differs): {_EXPORT_AGAIN}"
    )


def faster(int8: float, fp32: float) -> Precision:
    """Return the precision to serve if both are correct, by the time that each takes."""
    return "int8" if int8 <= MARGIN * fp32 else "fp32"


def label_of(p_man: float, info: BundleInfo) -> Label:
    """Return the label for a probability in [0, 1] under the model's threshold and band."""
    low = info.band.low if info.band else info.threshold
    high = info.band.high if info.band else info.threshold
    if p_man >= high:
        return "man"
    return "woman" if p_man <= low else "uncertain"


def digest(path: Path) -> str:
    """SHA-256 in hex of a file, or of a folder's file names and contents."""
    if path.is_dir():
        lines = (f"{digest(file)}  {file.relative_to(path).as_posix()}\n" for file in _files(path))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    """Return all files below `folder`, sorted."""
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (_files(path) if path.is_dir() else [path]))


def write(folder: Path, info: BundleInfo, files: Mapping[str, Path]) -> Bundle:
    """Put a complete bundle at `folder`, or leave what was there.

    `files` maps a name in the bundle (`model.onnx`, `MODEL_CARD.md`, …) to the file or folder
    to copy there. Raises BundleError if a format in `info` is not among them as described, or
    `folder` holds anything but a bundle.
    """
    if not may_be_replaced(folder):
        raise BundleError(f"{folder} holds files that are no bundle: they are not replaced")
    with replacing_folder(folder) as new:
        for name, source in files.items():
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, new / name)
        (new / INFO_FILE).write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
        written = Bundle(new, info)
        for name in info.formats:
            written.verified(name)
        if info.checks:
            written.check_images()
    return Bundle(folder, info)


def may_be_replaced(folder: Path) -> bool:
    """Whether a bundle can be put at `folder` without a loss: it is one, is empty or not there."""
    if not folder.exists():
        return True
    return folder.is_dir() and ((folder / INFO_FILE).is_file() or not any(folder.iterdir()))


def read(folder: Path) -> Bundle:
    """Read a bundle's facts; its model files are checked when they are loaded.

    Raises BundleError if it is missing, damaged or of another schema version.
    """
    return Bundle(folder, _read_json(folder / INFO_FILE, BundleInfo))


def write_index(models: Path, champion: str, bundles: Sequence[str]) -> None:
    """Write `index.json` in one step; `bundles` are folder names in rank order."""
    index = Index(champion=champion, bundles=tuple(bundles))
    write_text(models / INDEX_FILE, index.model_dump_json(indent=2) + "\n")


def read_index(models: Path) -> Index:
    """Read `index.json`. Raises BundleError if no models were exported to `models`."""
    if not (models / INDEX_FILE).is_file():
        raise BundleError(f"no exported models in {models}: run `make export` first")
    return _read_json(models / INDEX_FILE, Index)


def find(models: Path, backbone: str | None = None) -> Bundle:
    """Read the bundle of `backbone`, or of the champion.

    Raises BundleError if it is not there, naming those that are.
    """
    index = read_index(models)
    name = backbone or index.champion
    if name not in index.bundles:
        raise BundleError(f"no model {name!r} in {models} (there: {', '.join(index.bundles)})")
    return read(models / name)


_Record = TypeVar("_Record", BundleInfo, Index)


def _read_json(path: Path, model: type[_Record]) -> _Record:
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: {_EXPORT_AGAIN}") from None
    except (OSError, ValueError, RecursionError):
        raise BundleError(f"{path} cannot be read as JSON: {_EXPORT_AGAIN}") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}: "
            f"{_EXPORT_AGAIN}"
        )
    return _validated(model, content, path)


def _validated(model: type[_Record], content: Any, path: Path) -> _Record:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise BundleError(f"{path}: {where}: {first['msg']}; {_EXPORT_AGAIN}") from None


# What the ONNX file says of itself, so that it can be used alone. What is measured on the file is
# left out, and so is `created`, which would change its bytes from export to export.
_FLAT = ("input", "band")
_JSON = ("labels", "hyperparameters", "data", "weights", "versions", "metrics")
_OUTSIDE = {"created", "formats", "quantisation", "speed", "audit", "checks"}


def to_metadata(info: BundleInfo) -> dict[str, str]:
    """Return the facts for an ONNX file's `metadata_props`: plain text, or JSON for lists and maps.

    Nested fields of input and band are flat: `input.size`, `input.framing`, `band.low`, ….
    """
    facts = info.model_dump(mode="json", exclude=_OUTSIDE, exclude_none=True)
    for group in _FLAT:
        facts |= {f"{group}.{key}": value for key, value in facts.pop(group, {}).items()}
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()
    }


def from_metadata(metadata: Mapping[str, str], path: Path) -> BundleInfo:
    """Read back `to_metadata`; `path` names the file in errors. Raises BundleError."""
    foreign = BundleError(f"{path} does not carry the facts of a model exported by this program")
    if metadata.get("schema_version") != str(SCHEMA_VERSION):
        raise foreign
    content: dict[str, Any] = {}
    try:
        for key, text in metadata.items():
            group, _, field = key.partition(".")
            if group in _FLAT:
                content.setdefault(group, {})[field] = text
            elif key in BundleInfo.model_fields:
                content[key] = json.loads(text) if key in _JSON else text
    except ValueError:
        raise foreign from None
    return _validated(BundleInfo, content | {"schema_version": SCHEMA_VERSION}, path)
