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
from data.messages import one_line
from inference.bundle.files import digest, size_of
from inference.bundle.schema import (
    EXPORT_AGAIN,
    READ_VERSIONS,
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

LARGEST_CHECKS = 50_000_000
LARGEST_JSON = 10_000_000
"""Bytes of check images and of `bundle.json` above which they are taken for damage."""

_INDEX_VERSIONS = (1,)


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk.

    Attributes:
        folder: Folder of the bundle.
        info: Facts that were read from it.

    Example:
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[{"name": "Smiling", "classes": ("no", "yes"), "output": "p_Smiling"}],
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "CelebA", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ...     formats={"fp32": {"file": "model.onnx", "sha256": "0" * 64, "bytes": 5}},
        ... )
        >>> bundle = Bundle(Path("artifacts/models/vgg16"), info)
        >>> bundle.precisions(), bundle.choose()
        (('fp32',), 'fp32')
    """

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
        """Return a precision that may be served.

        Which one is served where none is given, `inference.runtime.self_check` decides on each
        machine anew.

        Args:
            precision: "int8" or "fp32"; None for the one that was the faster at export.

        Raises:
            BundleError: The bundle does not have it, or it failed its check at export.
        """
        chosen = precision or self._faster_at_export()
        if chosen in self.precisions():
            return chosen
        if chosen in self.info.formats:
            raise BundleError(
                f"{self.folder}: {chosen} failed its check at export and is not served"
            )
        names = ", ".join(self.info.formats) or "none"
        raise BundleError(f"{self.folder} has no {chosen} model (there: {names})")

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

        Args:
            name: Precision of the model.

        Raises:
            BundleError: The file is missing, cut off or changed.
        """
        file = self.info.formats[name]
        return self._checked_bytes(file.file, file.sha256, file.bytes)

    def check_images(self) -> np.ndarray:
        """Return the drawn images of `info.checks`.

        Returns:
            uint8 RGB [N, size, size, 3].

        Raises:
            BundleError: There are none, or they are not those of the export.
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
        """Return the path of the model in a format after checking it against its SHA-256.

        Args:
            name: Format of the model.

        Raises:
            BundleError: The file or folder is missing, cut off or changed.
        """
        file = self.info.formats[name]
        path = self.folder / file.file
        _refuse_other_size(path, file.bytes)
        if digest(path) != file.sha256:
            raise _changed(path)
        return path


def _refuse_other_size(path: Path, expected: int | None) -> None:
    """Refuse a file before it is read, for there is no end to how large it may be."""
    if not path.exists():
        raise BundleError(f"{path} is missing: {EXPORT_AGAIN}")
    size = size_of(path)
    if expected is not None and size < expected:
        raise BundleError(f"{path} is cut off ({size} of {expected} bytes): {EXPORT_AGAIN}")
    if size > (LARGEST_CHECKS if expected is None else expected):
        raise _changed(path)


def _changed(path: Path) -> BundleError:
    return BundleError(
        f"{path} is not the file that was exported (its SHA-256 differs): {EXPORT_AGAIN}"
    )


def faster(int8: float, fp32: float) -> Precision:
    """Return the precision to serve if both are correct.

    Args:
        int8: Time that INT8 takes.
        fp32: Time that fp32 takes, in the same unit.

    Example:
        >>> faster(int8=9.0, fp32=10.0), faster(int8=9.5, fp32=10.0)
        ('int8', 'fp32')
    """
    return "int8" if int8 <= MARGIN * fp32 else "fp32"


def write(folder: Path, info: BundleInfo, files: Mapping[str, Path]) -> Bundle:
    """Write a complete bundle, or leave what was there.

    Args:
        folder: Folder of the bundle; a bundle in it is replaced.
        info: Facts of the model.
        files: File or folder to copy for each name in the bundle (`model.onnx`, `MODEL_CARD.md`,
            …).

    Raises:
        BundleError: A format in `info` is not among the files as described, or the folder holds
            anything but a bundle.
        OSError: Something cannot be written.

    Example:
        >>> import tempfile
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[{"name": "Smiling", "classes": ("no", "yes"), "output": "p_Smiling"}],
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "CelebA", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     card = Path(folder, "card")
        ...     _ = card.write_text("# VGG16")
        ...     bundle = write(Path(folder, "vgg16"), info, {CARD_FILE: card})
        ...     sorted(path.name for path in bundle.folder.iterdir()), read(bundle.folder) == bundle
        (['MODEL_CARD.md', 'bundle.json'], True)
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
    """Whether a bundle can be put at `folder` without a loss: it is one, is empty or not there.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> may_be_replaced(folder)
        True
        >>> (folder / "notes.txt").touch()
        >>> may_be_replaced(folder)
        False
    """
    if not folder.exists():
        return True
    return folder.is_dir() and ((folder / INFO_FILE).is_file() or not any(folder.iterdir()))


def read(folder: Path) -> Bundle:
    """Read a bundle's facts; its model files are checked when they are loaded.

    Args:
        folder: Folder of the bundle.

    Raises:
        BundleError: The bundle is missing, damaged or of another schema version.

    Example:
        >>> read(Path("missing"))
        Traceback (most recent call last):
        inference.errors.BundleError: missing/bundle.json is missing: write it again with `make...
    """
    return Bundle(folder, _read_json(folder / INFO_FILE, BundleInfo))


def write_index(models: Path, champion: str, bundles: Sequence[str]) -> None:
    """Write `index.json` in one step.

    Args:
        models: Folder of the bundles.
        champion: Name of the bundle that is used by default.
        bundles: Names of the bundles in rank order.

    Raises:
        ValueError: The champion is not among the bundles, or a name is none of a folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_index(Path(folder), "vgg16", ["resnet50", "vgg16"])
        ...     read_index(Path(folder)).champion
        'vgg16'
    """
    index = Index(champion=champion, bundles=tuple(bundles))
    write_text(models / INDEX_FILE, index.model_dump_json(indent=2) + "\n")


def read_index(models: Path) -> Index:
    """Read `index.json`.

    Args:
        models: Folder of the bundles.

    Raises:
        BundleError: No models were exported to the folder, or the index is damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_index(Path(folder), "vgg16", ["resnet50", "vgg16"])
        ...     read_index(Path(folder)).bundles
        ('resnet50', 'vgg16')
    """
    if not (models / INDEX_FILE).is_file():
        raise BundleError(f"no exported models in {models}: run `make export` first")
    return _read_json(models / INDEX_FILE, Index)


def find(models: Path, backbone: str | None = None) -> Bundle:
    """Read the bundle of a model.

    Args:
        models: Folder of the bundles.
        backbone: Name of the model; None for the champion.

    Raises:
        BundleError: The model is not there; the message names those that are.

    Example:
        >>> import tempfile
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[{"name": "Smiling", "classes": ("no", "yes"), "output": "p_Smiling"}],
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "CelebA", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write(Path(folder, "vgg16"), info, {})
        ...     write_index(Path(folder), champion="vgg16", bundles=["vgg16"])
        ...     find(Path(folder)).info.backbone
        'vgg16'
    """
    index = read_index(models)
    name = backbone or index.champion
    if name not in index.bundles:
        raise BundleError(f"no model {name!r} in {models} (there: {', '.join(index.bundles)})")
    return read(models / name)


_Record = TypeVar("_Record", BundleInfo, Index)


def info_from(content: bytes, path: Path) -> BundleInfo:
    """Read the content of a `bundle.json`.

    Args:
        content: Content of the file.
        path: File that the content is from, which the error names.

    Raises:
        BundleError: It is damaged or of another schema version.

    Example:
        >>> info_from(b"[]", Path("bundle.json"))
        Traceback (most recent call last):
        inference.errors.BundleError: bundle.json has schema version None, this program reads 1...
    """
    return _parsed(content, path, BundleInfo)


def _read_json(path: Path, model: type[_Record]) -> _Record:
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError
        content = path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: {EXPORT_AGAIN}") from None
    except (OSError, ValueError):
        raise _no_json(path) from None
    return _parsed(content, path, model)


def _parsed(text: bytes, path: Path, model: type[_Record]) -> _Record:
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _no_json(path) from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    known = READ_VERSIONS if model is BundleInfo else _INDEX_VERSIONS
    if version not in known:
        raise BundleError(
            f"{path} has schema version {one_line(str(version), 40)}, this program reads "
            f"{' and '.join(map(str, known))}: {EXPORT_AGAIN}"
        )
    return validated(model, content, path)


def _no_json(path: Path) -> BundleError:
    return BundleError(f"{path} cannot be read as JSON: {EXPORT_AGAIN}")
