"""The bundle: a folder with one exported classifier and all that is known about it.

`artifacts/models/` holds `index.json` (the order and the champion) and one folder a model:
`bundle.json` (a `BundleInfo`), `MODEL_CARD.md`, and the formats that `bundle.json` lists with
their SHA-256. The export writes bundles; serving reads them and refuses what was changed.
"""

from inference.bundle.files import digest
from inference.bundle.hub import models_folder
from inference.bundle.onnx_metadata import from_metadata, to_metadata
from inference.bundle.schema import (
    SCHEMA_VERSION,
    BundleInfo,
    Calibration,
    CheckImages,
    DataFacts,
    FormatName,
    Gap,
    Index,
    Input,
    LabelInfo,
    Metrics,
    ModelFile,
    OperatingPoint,
    Precision,
    QuantizationTrial,
    Speed,
    Timing,
    WeightFacts,
)
from inference.bundle.store import (
    CARD_FILE,
    INDEX_FILE,
    INFO_FILE,
    MARGIN,
    Bundle,
    faster,
    find,
    may_be_replaced,
    read,
    read_index,
    write,
    write_index,
)
from inference.errors import BundleError

__all__ = [
    "CARD_FILE", "INDEX_FILE", "INFO_FILE", "MARGIN", "SCHEMA_VERSION", "Bundle", "BundleError",
    "BundleInfo", "Calibration", "CheckImages", "DataFacts", "FormatName", "Gap", "Index", "Input",
    "LabelInfo", "Metrics", "ModelFile", "OperatingPoint", "Precision", "QuantizationTrial",
    "Speed", "Timing", "WeightFacts", "digest", "faster", "find", "from_metadata",
    "may_be_replaced", "models_folder", "read", "read_index", "to_metadata", "write", "write_index",
]  # fmt: skip
