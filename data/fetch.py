"""Fetching CelebA: the public Kaggle copy, through kagglehub."""

import shutil
from collections.abc import Callable
from pathlib import Path

from data.formats import load
from data.manifest import DataError, Dataset
from data.messages import one_line

HANDLE = "jessicali9530/celeba-dataset"
PAGE = f"https://www.kaggle.com/datasets/{HANDLE}"


def fetch(to: Path, download: Callable[[str], str] | None = None) -> Dataset:
    """Download CelebA (about 1.3 GB, kept in kagglehub's cache), link it at `to`, and load it.

    What is already at `to` is loaded and not fetched again.

    Args:
        to: Path of the link.
        download: Function that takes the data set's handle and returns the folder that it made;
            None for `kagglehub.dataset_download`.

    Returns:
        The data set.

    Raises:
        DataError: The download failed, what came is no data set, or `to` holds something else.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for path in (folder / "kaggle/woman/1.jpg", folder / "kaggle/man/2.jpg"):
        ...     path.parent.mkdir(parents=True)
        ...     path.touch()
        >>> dataset = fetch(folder / "celeba", download=lambda handle: str(folder / "kaggle"))
        >>> dataset.root.name, len(dataset.manifest)
        ('celeba', 2)
    """
    if to.exists() and any(to.iterdir()):
        return load(to)
    try:
        source = Path((download or _kagglehub())(HANDLE)).absolute()
    except Exception as error:  # Network, credentials, quota, disk: kagglehub raises them all.
        raise DataError(_manual(error)) from error
    load(source)
    _link(to, source)
    return load(to)


def _kagglehub() -> Callable[[str], str]:
    import kagglehub

    return kagglehub.dataset_download


def _manual(error: Exception) -> str:
    return (
        f"CelebA could not be fetched: {_reason(error)}. By hand: download the zip from {PAGE}, "
        "unpack it, and say where: make tune DATA=<folder>"
    )


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if any(word in kind for word in ("Connect", "Proxy", "Timeout")):
        return "no connection to Kaggle"
    text = one_line(error, 120)
    return kind if text == kind else f"{kind}: {text}".rstrip(".")


def _link(to: Path, source: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.is_symlink():
        to.unlink()  # It points to a cache that is gone, or else it would have been loaded.
    elif to.exists():
        to.rmdir()
    try:
        to.symlink_to(source, target_is_directory=True)
    except OSError:  # File systems and systems without links.
        shutil.copytree(source, to)
