"""The formats in which face data sets come, one module each, and `load` for all of them.

A format module has `WANTED` (what it looks for, in words), `recognizes(path)`, which looks at
names only, and `load(path)`, which raises a `DataError` for what it can't use. Those of `OWN`, in
which the labels are the user's words, are told how to read them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from data.formats import celeba, fairface, folders, synthetic, table, utkface
from data.formats.names import agreeing
from data.labels import Reading, reading_of
from data.manifest import DataError, Dataset, checked
from data.splits import SplitBy, parts_checked, parts_dropped


class Format(Protocol):
    """A format that says itself what its labels are."""

    WANTED: str

    def recognizes(self, path: Path) -> bool:
        """Whether the names at `path` (absolute, existing) are those of this format."""

    def load(self, path: Path) -> Dataset:
        """Read the manifest of the data set at `path`."""


class WordedFormat(Protocol):
    """A format whose labels are words of the user's."""

    WANTED: str

    def recognizes(self, path: Path, reading: Reading) -> bool:
        """Whether the names at `path` (absolute, existing) are those of this format."""

    def load(self, path: Path, reading: Reading) -> Dataset:
        """Read the manifest of the data set at `path`."""


PUBLISHED: Sequence[Format] = (synthetic, celeba, fairface, utkface)
OWN: Sequence[WordedFormat] = (folders, table)
"""In the order in which they are tried, after the published ones: the most telling names first."""


def load(path: str | Path, labels: str = "", split: SplitBy = "given") -> Dataset:
    """Recognize the data set at `path` (a folder or a table) and read its manifest.

    Args:
        path: of the data set.
        labels: what its words for the labels mean, as in ``0=man,1=woman``; see `data.labels`.
        split: `given` keeps the data set's own parts where they are whole, `identity` drops them.

    Raises:
        DataError: nothing is there, no format fits, no image is labeled, only one class is, or
            its labels contradict its names.
    """
    place = Path(path).expanduser().absolute()
    try:
        dataset = checked(_load(place, reading_of(labels)))
    except OSError as error:
        raise DataError(f"{place}: can't be read: {error.strerror or error}") from error
    return parts_dropped(dataset) if split == "identity" else parts_checked(dataset)


def _load(place: Path, reading: Reading) -> Dataset:
    if not place.exists():
        raise DataError(f"{place}: no such file or folder; check DATA")
    published = next((fmt for fmt in PUBLISHED if fmt.recognizes(place)), None)
    if published and reading.chosen:
        raise DataError(f"{place}: its format says what its labels mean: leave LABELS out")
    if published:
        return published.load(place)
    own = next((fmt for fmt in OWN if fmt.recognizes(place, reading)), None)
    if own:
        return agreeing(own.load(place, reading), reading)
    if place.is_dir() and not any(place.iterdir()):
        raise DataError(f"{place}: the folder is empty; put a data set there or change DATA")
    wanted = "; ".join([fmt.WANTED for fmt in PUBLISHED] + [fmt.WANTED for fmt in OWN])
    raise DataError(f"{place}: no data set recognized. Looked for: {wanted}")
