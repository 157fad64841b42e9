"""The facts inside an ONNX file, so that it can be used without its bundle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.bundle.schema import SCHEMA_VERSION, BundleInfo, validated
from inference.errors import BundleError

# What is measured on the file is left out, and so is `created`, which would change the file's bytes
# from export to export.
_FLAT = ("input", "band")
_JSON = ("labels", "hyperparameters", "data", "weights", "versions", "metrics")
_OUTSIDE = {"created", "formats", "quantization", "speed", "audit", "checks"}


def to_metadata(info: BundleInfo) -> dict[str, str]:
    """Return the facts for an ONNX file's `metadata_props`.

    Args:
        info: Facts of the model.

    Returns:
        Plain text, or JSON for lists and maps, by name. Nested fields of input and band are flat:
        `input.size`, `input.framing`, `band.low`, ….

    Example:
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "CelebA", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ... )
        >>> metadata = to_metadata(info)
        >>> metadata["input.size"], metadata["labels"]
        ('96', '["woman", "man"]')
    """
    facts = info.model_dump(mode="json", exclude=_OUTSIDE, exclude_none=True)
    for group in _FLAT:
        facts |= {f"{group}.{key}": value for key, value in facts.pop(group, {}).items()}
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()
    }


def from_metadata(metadata: Mapping[str, str], path: Path) -> BundleInfo:
    """Read back what `to_metadata` wrote.

    Args:
        metadata: Entries of the file's `metadata_props`, text by name.
        path: ONNX file, which the error names.

    Raises:
        BundleError: The facts are missing, or are not those of a model that this program exported.

    Example:
        >>> metadata = {
        ...     "schema_version": "1", "backbone": "vgg16", "threshold": "0.4",
        ...     "input.size": "96", "input.framing": "face",
        ...     "data": '{"name": "CelebA", "fingerprint": "0a1b"}',
        ...     "weights": '{"source": "imagenet"}',
        ... }
        >>> info = from_metadata(metadata, Path("model.onnx"))
        >>> info.input.size, info.label_of(0.45)
        (96, 'man')
    """
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
    return validated(BundleInfo, content | {"schema_version": SCHEMA_VERSION}, path)
