"""The formats in which face data sets come, one module each, and `load` for all of them.

A format module has `WANTED` (what it looks for, in words), `recognizes(path)`, which looks at
names only, and `load(path, choice)`, which raises a `DataError` for what it cannot use. Those of
`OWN`, in which classes are the user's words, recognize a data set by what the user says of them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from data.formats import any_folders, celeba, fairface, folders, synthetic, table, utkface
from data.formats.names import agreeing
from data.labels import AGES
from data.manifest import DataError, Dataset, checked, require_images
from data.messages import printable
from data.offers import Choice, choice_of
from data.splits import SplitBy, official, parts_checked, parts_dropped


class Format(Protocol):
    """A format that says itself what its labels are.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "30_0_1_20170116174525125.jpg").touch()
        >>> [fmt.WANTED for fmt in PUBLISHED if fmt.recognizes(folder)]
        ['UTKFace ([age]_[gender]_[race]_[date].jpg)']
    """

    WANTED: str

    def recognizes(self, path: Path) -> bool:
        """Whether the names at `path` (absolute, existing) are those of this format."""

    def load(self, path: Path, choice: Choice) -> Dataset:
        """Read the manifest of the data set at `path`, with the labels that are asked for."""


class WordedFormat(Protocol):
    """A format whose classes are words of the user's.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "hombre").mkdir()
        >>> choice = choice_of(labels="hombre=man,mujer=woman")
        >>> [fmt is folders for fmt in OWN if fmt.recognizes(folder, choice)]
        [True]
    """

    WANTED: str

    def recognizes(self, path: Path, choice: Choice) -> bool:
        """Whether the names at `path` (absolute, existing) are those of this format."""

    def load(self, path: Path, choice: Choice) -> Dataset:
        """Read the manifest of the data set at `path`, with the labels that are asked for."""


PUBLISHED: Sequence[Format] = (synthetic, celeba, fairface, utkface)
OWN: Sequence[WordedFormat] = (folders, table, any_folders)
"""In the order in which they are tried, after the published ones: the most telling names first."""


def load(
    path: str | Path,
    labels: str = "",
    split: SplitBy = "given",
    label: str = "",
    ages: str = AGES,
) -> Dataset:
    """Recognize the data set at a path and read its manifest.

    Args:
        path: A folder or a table.
        labels: Meaning of its words for one label, as in ``0=man,1=woman``; see `data.reading`.
        split: "given" to keep the data set's own parts where they are whole, "identity" to drop
            them, "official" to keep those that were published, see `data.splits.official`.
        label: Names of the labels to learn, separated by commas, whatever their case; the data
            set's own where empty: gender, or the only one that it offers.
        ages: Groups into which ages in years are put, as in `data.labels.AGES`.

    Returns:
        The data set. Its images are not opened.

    Raises:
        DataError: Nothing is there, no format fits, a label is not offered or cannot be learned,
            no image is labeled, its labels contradict its names, or official parts are missing.

    Example:
        >>> import tempfile
        >>> from data.synthetic import generate
        >>> dataset = load(generate(Path(tempfile.mkdtemp(), "portraits"), 6))
        >>> dataset.name, len(dataset.manifest), dataset.manifest["identity"].nunique()
        ('synthetic portraits', 6, 2)
    """
    source = Path(path).expanduser().absolute()
    choice = choice_of(label, labels, ages)
    try:
        dataset = _load(source, choice)
    except OSError as error:
        raise DataError(f"{source}: can't be read: {error.strerror or error}") from error
    if split == "official":
        require_images(dataset)
        return parts_checked(official(dataset))
    dataset = checked(dataset)
    return parts_dropped(dataset) if split == "identity" else parts_checked(dataset)


def _load(path: Path, choice: Choice) -> Dataset:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check DATA")
    published = next((fmt for fmt in PUBLISHED if fmt.recognizes(path)), None)
    if published and choice.reading.chosen:
        raise DataError(f"{path}: its format says what its labels mean: leave LABELS out")
    if published:
        return published.load(path, choice)
    own = next((fmt for fmt in OWN if fmt.recognizes(path, choice)), None)
    if own:
        return agreeing(own.load(path, choice), choice.reading)
    if path.is_dir() and not any(path.iterdir()):
        raise DataError(f"{path}: the folder is empty; put a data set there or change DATA")
    if alone := folders.only_class(path):
        raise DataError(
            f"{path}: only one folder has images, {printable(alone)}: a classifier needs a folder "
            "each of two classes at least"
        )
    known = [fmt.WANTED for fmt in PUBLISHED] + [fmt.WANTED for fmt in OWN]
    wanted = "; ".join(dict.fromkeys(known))
    raise DataError(f"{path}: no data set recognized. Looked for: {wanted}")
