"""Face images and their labels: every data set becomes one manifest and one uint8 image store.

Names are imported on first use, so that ``import data`` costs nothing; pandas, Pillow and NumPy
are all that serving needs of it.

Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from data import build, load, sample, split
    >>> from data.synthetic import generate
    >>> folder = Path(tempfile.mkdtemp())
    >>> dataset = load(generate(folder / "portraits", 60))
    >>> manifest = sample(split(dataset.manifest, seed=0), 40, "natural", seed=0)
    >>> store = build(manifest, size=64, framing=dataset.framing, folder=folder / "cache")
    >>> store.images.shape
    (49, 64, 64, 3)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data.conflicts import drop_conflicts, label_conflicts
    from data.copies.distinct import Distinct, in_one_part, with_copies, without_copies
    from data.copies.hashes import Hashes, cache_file, hash_files
    from data.copies.matching import Copies, find_copies
    from data.formats import load
    from data.image_shards import FaceSearch, Guess
    from data.image_store import ImageStore, build, reopen
    from data.images import (
        FRAMINGS,
        Framing,
        FramingChoice,
        ImageError,
        NoFaceError,
        decode,
        decode_reduced,
        framed,
        is_image_name,
        to_square,
    )
    from data.joining import (
        join,
        parts_of,
        paths_in,
        rows_of_each,
        sample_each,
        split_each,
        without_shared_pictures,
    )
    from data.labels import AGES, GENDER, Label
    from data.manifest import SPLITS, DataError, Dataset, attributes, read_manifest
    from data.sampling import BALANCES, MOST_TESTED, Balance, sample
    from data.splits import SplitBy, class_weights, require_all_classes, split

_HOMES = {
    "data.conflicts": ("drop_conflicts", "label_conflicts"),
    "data.copies.matching": ("Copies", "find_copies"),
    "data.copies.distinct": ("Distinct", "in_one_part", "with_copies", "without_copies"),
    "data.formats": ("load",),
    "data.copies.hashes": ("Hashes", "cache_file", "hash_files"),
    "data.image_shards": ("FaceSearch", "Guess"),
    "data.image_store": ("ImageStore", "build", "reopen"),
    "data.images": (
        "FRAMINGS",
        "Framing",
        "FramingChoice",
        "ImageError",
        "NoFaceError",
        "decode",
        "decode_reduced",
        "framed",
        "is_image_name",
        "to_square",
    ),
    "data.joining": (
        "join",
        "parts_of",
        "paths_in",
        "rows_of_each",
        "sample_each",
        "split_each",
        "without_shared_pictures",
    ),
    "data.labels": ("AGES", "GENDER", "Label"),
    "data.manifest": ("SPLITS", "DataError", "Dataset", "attributes", "read_manifest"),
    "data.sampling": ("BALANCES", "MOST_TESTED", "Balance", "sample"),
    "data.splits": ("SplitBy", "class_weights", "require_all_classes", "split"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of use
    "load",
    "join",
    "parts_of",
    "paths_in",
    "rows_of_each",
    "Dataset",
    "DataError",
    "Label",
    "GENDER",
    "AGES",
    "SPLITS",
    "attributes",
    "label_conflicts",
    "drop_conflicts",
    "read_manifest",
    "sample",
    "sample_each",
    "Balance",
    "BALANCES",
    "MOST_TESTED",
    "cache_file",
    "hash_files",
    "Hashes",
    "find_copies",
    "Copies",
    "without_copies",
    "with_copies",
    "in_one_part",
    "Distinct",
    "without_shared_pictures",
    "split",
    "split_each",
    "SplitBy",
    "class_weights",
    "require_all_classes",
    "build",
    "reopen",
    "ImageStore",
    "FaceSearch",
    "Guess",
    "decode",
    "decode_reduced",
    "to_square",
    "framed",
    "is_image_name",
    "Framing",
    "FRAMINGS",
    "FramingChoice",
    "ImageError",
    "NoFaceError",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'data' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
