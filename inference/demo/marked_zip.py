"""Copies of a batch's pictures with the faces marked: thumbnails, and a ZIP to download."""

import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from zipfile import ZIP_STORED, ZipFile

from data import ImageError
from data.images import decode_reduced, room_to_decode
from inference.annotation import CROWD, annotate, caption, tag
from inference.demo.picture_markup import ShownPicture
from inference.demo.predictions import Batch
from inference.faces import Face
from inference.predict.marked_copies import copy_name, free_path
from inference.predict.rows import csv_text

MAX_ZIP = 100_000_000
"""Largest size of the copies in one ZIP, in bytes; further ones are left out."""

_LONG_SIDE = 1600  # pixels of a copy
_THUMBNAIL = 240  # pixels, twice as many as on the screen
_LONGEST = 80  # characters of a name
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class MarkedPictures:
    """The pictures of a batch with their faces marked.

    Attributes:
        link: Link to the ZIP, relative to the page; None where it has no picture.
        thumbnails: HTML of each file of the batch; empty where it has none.
        left_out: Number of copies that the ZIP has no room for, or whose upload is gone.
    """

    link: str | None
    thumbnails: list[str]
    left_out: int


def mark(batch: Batch, folder: Path, progress: Callable[[int, int], None]) -> MarkedPictures:
    """Mark the faces of a batch's pictures and put the copies into a ZIP, with the CSV.

    Args:
        batch: What a model predicts for the pictures, whose files are still there.
        folder: Folder of uploads: what is in it is served to whom has the link, and swept.
        progress: Function that is called after each picture with the number of pictures that are
            done, and of all.

    Returns:
        The marked pictures. The ZIP lies in a folder whose name cannot be guessed.
    """
    if not any(outcome.was_read for _, outcome in batch.outcomes):
        return MarkedPictures(None, [""] * len(batch.outcomes), 0)
    file = folder / secrets.token_hex(16) / "marked.zip"
    file.parent.mkdir(parents=True)
    thumbnails: list[str] = []
    taken: set[str] = set()
    size = left_out = 0
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for done, (name, outcome) in enumerate(batch.outcomes, 1):
            copy, thumbnail = _copy(outcome.file, outcome.faces) if outcome.was_read else (b"", "")
            thumbnails.append(thumbnail)
            size += len(copy)
            if copy and size <= MAX_ZIP:
                archive.writestr(str(free_path(Path(safe_name(name)), taken)), copy)
            left_out += outcome.was_read and (not copy or size > MAX_ZIP)
            progress(done, len(batch.outcomes))
        csv = csv_text(batch.numbered_rows(), batch.labels, ["number"])
        archive.writestr("faces.csv", csv.encode(errors="replace"))
    return MarkedPictures(f"gradio_api/file={quote(str(file))}", thumbnails, left_out)


def safe_name(name: str) -> str:
    r"""Return the name of a copy that is a plain file name on every system.

    Args:
        name: Name of the file as a visitor sent it, any text.

    Example:
        >>> safe_name("../../etc/passwd"), safe_name("C:\\me.JPG"), safe_name("con.jpg")
        ('passwd.jpg', 'me.JPG', '_con.jpg')
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(one for one in base if unicodedata.category(one)[0] != "C")
    stem, dot, suffix = _UNSAFE.sub("_", shown).strip(". ").rpartition(".")
    plain = f"{stem[:_LONGEST]}{dot}{suffix[:_LONGEST]}".strip(". ") or "picture"
    return copy_name(Path(f"_{plain}" if _DEVICES.fullmatch(plain) else plain))


def _copy(file: Path, faces: list[Face]) -> tuple[bytes, str]:
    """Return a picture's copy as JPEG, and its thumbnail; both empty if the upload is gone."""
    try:
        with room_to_decode(file):
            image, factor = decode_reduced(file, _LONG_SIDE)
    except ImageError:
        return b"", ""
    thumbnail = ShownPicture(image, factor).marked(faces, _THUMBNAIL)
    whole = max(image.size) * factor
    image.thumbnail((_LONG_SIDE, _LONG_SIDE))
    jpeg = BytesIO()
    text = tag if len(faces) > CROWD else caption
    annotate(image, faces, whole / max(image.size), text).save(jpeg, "JPEG", quality=85)
    return jpeg.getvalue(), thumbnail
