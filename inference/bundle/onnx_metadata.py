"""The facts inside an ONNX file, so that it can be used without its bundle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.bundle.schema import READ_VERSIONS, BundleInfo, validated
from inference.errors import BundleError

# What is measured on the file is left out, and so is `created`, which would change the file's bytes
# from export to export.
_JSON = ("labels", "hyperparameters", "data", "weights", "versions", "metrics")
_OUTSIDE = {"created", "formats", "quantization", "speed", "audit", "checks"}
_INPUT = "input"
_OF_VERSION_1 = ("output", "temperature", "threshold", "band")


def to_metadata(info: BundleInfo) -> dict[str, str]:
    """Return the facts for an ONNX file's `metadata_props`.

    Args:
        info: Facts of the model.

    Returns:
        Plain text, or JSON for lists and maps, by name. Fields of the input are flat: `input.size`,
        `input.framing`. `labels` is a list of `LabelInfo` as objects.

    Example:
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[{"name": "Smiling", "classes": ("no", "yes"), "output": "p_Smiling"}],
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "CelebA", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ... )
        >>> metadata = to_metadata(info)
        >>> [label] = json.loads(metadata["labels"])
        >>> metadata["input.size"], label["output"], label["classes"]
        ('96', 'p_Smiling', ['no', 'yes'])
    """
    facts = info.model_dump(mode="json", exclude=_OUTSIDE, exclude_none=True)
    facts |= {f"{_INPUT}.{key}": value for key, value in facts.pop(_INPUT).items()}
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()
    }


def from_metadata(metadata: Mapping[str, str], path: Path) -> BundleInfo:
    """Read back what `to_metadata` wrote, in this version or the one before.

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
        >>> info.input.size, info.labels[0].decide((0.55, 0.45))
        (96, 'man')
    """
    foreign = BundleError(f"{path} does not carry the facts of a model exported by this program")
    version = metadata.get("schema_version", "")
    if version not in map(str, READ_VERSIONS):
        raise foreign
    known = {*BundleInfo.model_fields, *(_OF_VERSION_1 if version == "1" else ())}
    content: dict[str, Any] = {}
    try:
        for key, text in metadata.items():
            group, dot, field = key.partition(".")
            if dot and group in known & {_INPUT, "band"}:
                content.setdefault(group, {})[field] = text
            elif key in known:
                content[key] = json.loads(text) if key in _JSON else text
    except (ValueError, RecursionError, TypeError, AttributeError):
        raise foreign from None
    return validated(BundleInfo, content | {"schema_version": int(version)}, path)
