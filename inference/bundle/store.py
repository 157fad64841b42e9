"""Bundles on disk: written whole, read back, refused when they were changed."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np

from data import decode
from data.atomic import replacing_folder, write_text
from inference.bundle.files import digest, size_of
from inference.bundle.schema import (
    EXPORT_AGAIN,
    SCHEMA_VERSION,
    BundleInfo,
    FormatName,
    Index,
    Precision,
    validated,
)
from inference.errors import BundleError

INFO_FILE = "bundle.json"
CARD_FILE = "MODEL_CARD.md"
INDEX_FILE = "index.json"

MARGIN = 0.9
"""INT8 is served if it takes at most this part of fp32's time: fp32 is the exact one."""

_LARGEST_CHECKS = 50_000_000  # bytes
_LARGEST_JSON = 10_000_000  # bytes


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk: `folder`, and the `info` read from it."""

    folder: Path
    info: BundleInfo

    @property
    def card(self) -> str | None:
        """The model card in Markdown, if the bundle has one that can be read."""
        try:
            return (self.folder / CARD_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def choose(self, precision: Precision | None = None) -> Precision:
        """Return the precision asked for, else the one that was the faster at export.

        Which of them is served when none is asked for, `inference.runtime.self_check` decides on
        each machine anew. Raises BundleError if the bundle does not have it, or it failed its check
        at export.
        """
        there = self.precisions()
        wanted = precision or self._faster_at_export()
        if wanted in there:
            return wanted
        if wanted in self.info.formats:
            raise BundleError(
                f"{self.folder}: {wanted} failed its check at export and is not served"
            )
        names = ", ".join(self.info.formats) or "none"
        raise BundleError(f"{self.folder} has no {wanted} model (there: {names})")

    def precisions(self) -> tuple[Precision, ...]:
        """Return the precisions that may be served, INT8 first."""
        formats = self.info.formats
        return tuple(p for p in get_args(Precision) if p in formats and formats[p].passed)

    def _faster_at_export(self) -> Precision:
        there, formats = self.precisions(), self.info.formats
        if len(there) < 2:
            return next(iter(there), "fp32")
        int8, fp32 = formats["int8"].latency_ms, formats["fp32"].latency_ms
        return faster(int8, fp32) if int8 and fp32 else "int8"

    def content(self, name: Precision) -> bytes:
        """Return an ONNX file's bytes, the same ones that were checked against its SHA-256.

        Raises BundleError that names the file if it is missing, cut off or changed.
        """
        form = self.info.formats[name]
        return self._checked_bytes(form.file, form.sha256, form.bytes)

    def check_images(self) -> np.ndarray:
        """Return the drawn images of `info.checks`, uint8 RGB [N, size, size, 3].

        Raises BundleError if there are none, or they are not those of the export.
        """
        checks, size = self.info.checks, self.info.input.size
        if checks is None:
            raise BundleError(f"{self.folder} has no check images: {EXPORT_AGAIN}")
        try:
            strip = decode(self._checked_bytes(checks.file, checks.sha256))
            return np.asarray(strip).reshape(-1, size, size, 3)
        except ValueError:  # ImageError is one
            raise BundleError(
                f"{self.folder / checks.file} does not hold images of {size} pixels: {EXPORT_AGAIN}"
            ) from None

    def _checked_bytes(self, file: str, sha256: str, size: int | None = None) -> bytes:
        path = self.folder / file
        _refuse_other_size(path, size)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _changed(path)
        return content

    def verified(self, name: FormatName) -> Path:
        """Return the path of a format after checking it against its SHA-256.

        Raises BundleError that names the file if it is missing, cut off or changed.
        """
        form = self.info.formats[name]
        path = self.folder / form.file
        _refuse_other_size(path, form.bytes)
        if digest(path) != form.sha256:
            raise _changed(path)
        return path


def _refuse_other_size(path: Path, expected: int | None) -> None:
    """Refuse a file before it is read, for there is no end to how large it may be."""
    if not path.exists():
        raise BundleError(f"{path} is missing: {EXPORT_AGAIN}")
    size = size_of(path)
    if expected is not None and size < expected:
        raise BundleError(f"{path} is cut off ({size} of {expected} bytes): {EXPORT_AGAIN}")
    if size > (_LARGEST_CHECKS if expected is None else expected):
        raise _changed(path)


def _changed(path: Path) -> BundleError:
    return BundleError(
        f"{path} is not the file that was exported (its SHA-256 differs): {EXPORT_AGAIN}"
    )


def faster(int8: float, fp32: float) -> Precision:
    """Return the precision to serve if both are correct, by the time that each takes."""
    return "int8" if int8 <= MARGIN * fp32 else "fp32"


def write(folder: Path, info: BundleInfo, files: Mapping[str, Path]) -> Bundle:
    """Put a complete bundle at `folder`, or leave what was there.

    `files` maps a name in the bundle (`model.onnx`, `MODEL_CARD.md`, …) to the file or folder
    to copy there. Raises BundleError if a format in `info` is not among them as described, or
    `folder` holds anything but a bundle.
    """
    if not may_be_replaced(folder):
        raise BundleError(f"{folder} holds files that are no bundle: they are not replaced")
    with replacing_folder(folder) as new:
        for name, source in files.items():
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, new / name)
        (new / INFO_FILE).write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
        written = Bundle(new, info)
        for name in info.formats:
            written.verified(name)
        if info.checks:
            written.check_images()
    return Bundle(folder, info)


def may_be_replaced(folder: Path) -> bool:
    """Whether a bundle can be put at `folder` without a loss: it is one, is empty or not there."""
    if not folder.exists():
        return True
    return folder.is_dir() and ((folder / INFO_FILE).is_file() or not any(folder.iterdir()))


def read(folder: Path) -> Bundle:
    """Read a bundle's facts; its model files are checked when they are loaded.

    Raises BundleError if it is missing, damaged or of another schema version.
    """
    return Bundle(folder, _read_json(folder / INFO_FILE, BundleInfo))


def write_index(models: Path, champion: str, bundles: Sequence[str]) -> None:
    """Write `index.json` in one step; `bundles` are folder names in rank order."""
    index = Index(champion=champion, bundles=tuple(bundles))
    write_text(models / INDEX_FILE, index.model_dump_json(indent=2) + "\n")


def read_index(models: Path) -> Index:
    """Read `index.json`. Raises BundleError if no models were exported to `models`."""
    if not (models / INDEX_FILE).is_file():
        raise BundleError(f"no exported models in {models}: run `make export` first")
    return _read_json(models / INDEX_FILE, Index)


def find(models: Path, backbone: str | None = None) -> Bundle:
    """Read the bundle of `backbone`, or of the champion.

    Raises BundleError if it is not there, naming those that are.
    """
    index = read_index(models)
    name = backbone or index.champion
    if name not in index.bundles:
        raise BundleError(f"no model {name!r} in {models} (there: {', '.join(index.bundles)})")
    return read(models / name)


_Record = TypeVar("_Record", BundleInfo, Index)


def _read_json(path: Path, model: type[_Record]) -> _Record:
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: {EXPORT_AGAIN}") from None
    except (OSError, ValueError, RecursionError):
        raise BundleError(f"{path} cannot be read as JSON: {EXPORT_AGAIN}") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}: "
            f"{EXPORT_AGAIN}"
        )
    return validated(model, content, path)
