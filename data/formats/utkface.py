"""UTKFace (Zhang et al., CVPR 2017): the labels are in names ``[age]_[gender]_[race]_[date].jpg``.

Gender is 0 for male and 1 for female there, the other way round than here. A few published
names lack a field; those files are left out.
"""

import os
import re
from itertools import islice
from pathlib import Path

import pandas as pd

from data.formats import demographics
from data.formats.unused import unread_tables, unused
from data.listing import find_images, images_in, subfolders
from data.manifest import Dataset, make_manifest
from data.offers import NOTHING_ASKED, Choice, choose, offering

WANTED = "UTKFace ([age]_[gender]_[race]_[date].jpg)"

_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+\.(?:jpe?g|png)(?:\.chip\.jpg)?", re.IGNORECASE)
_ORIGINS = ("White", "Black", "Asian", "Indian", "Other")


def recognizes(path: Path) -> bool:
    """Whether half of the first hundred images, at `path` or a level below, have such names.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "30_0_1_20170116174525125.jpg").touch()
        >>> recognizes(folder)
        True
    """
    if not path.is_dir():
        return False
    folders = (path, *islice(subfolders(path), 10))
    names = next((names for folder in folders if (names := images_in(folder)[:100])), [])
    return bool(names) and 2 * sum(label_in(name) is not None for name in names) >= len(names)


def load(path: Path, choice: Choice = NOTHING_ASKED) -> Dataset:
    """Every image under `path` whose name has all four fields.

    Raises:
        DataError: What is to be learned is not gender, age or race, or cannot be.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "30_0_1_20170116174525125.jpg").touch()
        >>> load(folder).manifest.drop(columns=["path", "identity", "split"]).iloc[0].to_dict()
        {'label': 1, 'Age_30-39': True, 'Race_Black': True}
    """
    listing = find_images(path)
    fields = {
        image: tuple(map(int, match.groups()))
        for image in listing.images
        if (match := _NAME.fullmatch(os.path.basename(image)))  # noqa: PTH119 - for speed
    }
    frame = pd.DataFrame(list(fields.values()), columns=["age", "gender", "race"])
    origins = frame["race"].map(dict(enumerate(_ORIGINS)))
    offers = [
        demographics.gender_of(1 - frame["gender"], "1 for woman, 0 for man"),
        demographics.age_in_years(frame["age"], choice.ages),
        demographics.origin_of(origins),
    ]
    chosen = choose(offers, choice, str(path))
    bands = demographics.age_band(frame["age"])
    attributes, on_attributes = demographics.attributes(bands, origins, offers, chosen)
    kept = chosen.has_any
    paths = list(fields)
    manifest = make_manifest(
        [image for image, learned in zip(paths, kept, strict=True) if learned],
        chosen.codes[kept],
        attributes=attributes[kept],
    )
    extra = unused(path, listing, fields, "have no complete UTKFace name")
    notes = (*unread_tables(path), *chosen.notes(), *on_attributes, *extra)
    return offering(Dataset("UTKFace", path, manifest, notes=notes), paths, offers, chosen)


def label_in(name: str) -> int | None:
    """The label in a file's name if it is one of UTKFace's.

    Example:
        >>> label_in("30_0_1_20170116174525125.jpg"), label_in("30_1_1_20170116174525125.jpg")
        (1, 0)
        >>> label_in("face.jpg") is None
        True
    """
    match = _NAME.fullmatch(name)
    return 1 - int(match[2]) if match else None
