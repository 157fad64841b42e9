"""The formats in which face data sets come, one module each, and `load` for all of them.

A format module has `WANTED` (what it looks for, in words), `recognises(path)`, which looks at
names only, and `load(path)`, which raises a `DataError` for what it can't use.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from data.formats import celeba, fairface, folders, synthetic, table, utkface
from data.manifest import DataError, Dataset, checked


class Format(Protocol):
    """What a format module offers."""

    WANTED: str

    def recognises(self, path: Path) -> bool:
        """Whether the names at `path` (absolute, existing) are those of this format."""

    def load(self, path: Path) -> Dataset:
        """Read the manifest of the data set at `path`."""


FORMATS: Sequence[Format] = (synthetic, celeba, fairface, utkface, folders, table)
"""In the order in which they are tried: the most telling names first."""


def load(path: str | Path) -> Dataset:
    """Recognise the data set at `path` (a folder or a table) and read its manifest.

    Raises:
        DataError: nothing is there, no format fits, no image is labelled, or only one class is.
    """
    place = Path(path).expanduser().absolute()
    try:
        return checked(_load(place))
    except OSError as error:
        raise DataError(f"{place}: can't be read: {error.strerror or error}") from error


def _load(place: Path) -> Dataset:
    if not place.exists():
        raise DataError(f"{place}: no such file or folder; check DATA")
    found = next((fmt for fmt in FORMATS if fmt.recognises(place)), None)
    if found:
        return found.load(place)
    if place.is_dir() and not any(place.iterdir()):
        raise DataError(f"{place}: the folder is empty; put a data set there or change DATA")
    wanted = "; ".join(fmt.WANTED for fmt in FORMATS)
    raise DataError(f"{place}: no data set recognised. Looked for: {wanted}")
