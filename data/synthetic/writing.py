"""Writing a set of synthetic portraits to disk, in CelebA's layout."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from data.atomic import read_json, remove_leftovers, replacing_folder, write_json, write_text
from data.formats.synthetic import LABELS, MARKER
from data.listing import find_images
from data.locks import alone
from data.manifest import DataError
from data.processors import usable
from data.progress import ProgressCallback
from data.synthetic.people import Person, Shot, attributes, labels, person, shot
from data.synthetic.portrait import draw

_VERSION = 1  # Raise it when the same seed gives other portraits.
_SHOTS = 3
_SHARE_OF_MEN = 0.45
_IMAGES = "img_align_celeba"
_ATTRIBUTES = "list_attr_celeba.csv"
_IDENTITIES = "identity_CelebA.txt"


def generate(
    folder: Path,
    count: int = 600,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Path:
    """Write drawn portraits, three of each person, to a folder.

    The layout is CelebA's: `img_align_celeba/000001.jpg` (178 x 218), `list_attr_celeba.csv`,
    `identity_CelebA.txt`, and the marker `synthetic.json`; `labels.csv` has hair colors and ages.
    There is no partition: splits are made by identity. A complete set of the same count and seed
    is left as it is, another synthetic set is replaced; the set appears at once, when it is
    complete. Of several processes that want it one draws it and the others wait.

    Args:
        folder: Folder to make or replace.
        count: Number of portraits, at least 6.
        seed: Seed of people and shots: the same seed gives the same portraits.
        progress: Callback for each portrait that is drawn.

    Returns:
        The folder.

    Raises:
        DataError: `count` is too small for both classes, or `folder` holds something else.

    Example:
        >>> import tempfile
        >>> folder = generate(Path(tempfile.mkdtemp(), "portraits"), 6)
        >>> sorted(path.name for path in folder.iterdir())
        ['identity_CelebA.txt', 'img_align_celeba', 'labels.csv', 'list_attr_celeba.csv', ...]
    """
    if count < 2 * _SHOTS:
        raise DataError(
            f"count={count}: at least {2 * _SHOTS} portraits are needed for both classes"
        )
    facts = {"version": _VERSION, "count": count, "seed": seed}
    if _is_complete(folder, facts):
        _add_labels(folder, count, seed)
        return folder
    if foreign := _foreign(folder):
        raise DataError(
            f"{folder} holds {foreign}, which is not replaced: name a new folder for synthetic "
            "portraits"
        )
    with alone(folder):
        if not _is_complete(folder, facts):
            remove_leftovers(folder.parent)
            with replacing_folder(folder) as whole:
                _write(whole, count, seed, progress)
                write_json(whole / MARKER, facts)
    return folder


def _foreign(folder: Path) -> str | None:
    """The name of a file that no run of this program wrote."""
    if not folder.exists():
        return None
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    ours = {MARKER, LABELS, _IMAGES, _ATTRIBUTES, _IDENTITIES} if MARKER in there else set()
    return min(there - ours, default=None)


def _is_complete(folder: Path, facts: dict[str, int]) -> bool:
    if read_json(folder / MARKER) != facts:
        return False
    return len(find_images(folder / _IMAGES).images) == facts["count"]


def _write(folder: Path, count: int, seed: int, progress: ProgressCallback | None) -> None:
    (folder / _IMAGES).mkdir(parents=True)
    men = _men(-(-count // _SHOTS), seed)
    names = _names(count)

    def portray(index: int) -> dict[str, bool]:
        return _portray(folder / _IMAGES / names[index], index, men, seed)

    rows = []
    with ThreadPoolExecutor(usable()) as pool:
        for row in pool.map(portray, range(count)):
            rows.append(row)
            if progress:
                progress(len(rows), count)
    table = pd.DataFrame(rows, index=pd.Index(names, name="image_id"))
    table.astype(int).mul(2).sub(1).to_csv(folder / _ATTRIBUTES)
    lines = (f"{name} {index // _SHOTS + 1}\n" for index, name in enumerate(names))
    (folder / _IDENTITIES).write_text("".join(lines), encoding="utf-8")
    _add_labels(folder, count, seed)


def _add_labels(folder: Path, count: int, seed: int) -> None:
    """Write the labels that are no attributes, also to a set that was drawn without them."""
    if (folder / LABELS).exists():
        return
    men = _men(-(-count // _SHOTS), seed)
    shown = (_shot(index, men, seed)[:2] for index in range(count))
    rows = [labels(who, seen) for who, seen in shown]
    table = pd.DataFrame(rows, index=pd.Index(_names(count), name="image_id"))
    write_text(folder / LABELS, table.to_csv())


def _names(count: int) -> list[str]:
    return [f"{number:06d}.jpg" for number in range(1, count + 1)]


def _men(people: int, seed: int) -> np.ndarray:
    """Whether each person is a man, 0 or 1, int64 [people]."""
    men = max(1, round(_SHARE_OF_MEN * people))
    return np.random.default_rng(seed).permutation(np.arange(people) < men).astype(int)


def _portray(path: Path, index: int, men: np.ndarray, seed: int) -> dict[str, bool]:
    """Draw one image."""
    who, seen, rng = _shot(index, men, seed)
    draw(who, seen).save(path, quality=int(rng.integers(78, 96)))
    return attributes(who, seen)


def _shot(index: int, men: np.ndarray, seed: int) -> tuple[Person, Shot, np.random.Generator]:
    """Who is in an image, and how.

    Person and shot have generators of their own, so that any image can be drawn again.
    """
    identity = index // _SHOTS
    who = person(int(men[identity]), np.random.default_rng((seed, identity)))
    rng = np.random.default_rng((seed, identity, 1 + index % _SHOTS))
    return who, shot(who, rng), rng
