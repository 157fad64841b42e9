"""A folder that can be pushed to a Hugging Face Space as it is: the demo with its models."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import requires, version
from pathlib import Path

import inference
from data.meanings import kind_of, not_for
from export import target_folder
from export.card import notice_in_markdown
from export.markdown import escape
from inference import bundle
from inference.bundle import Bundle
from tuning.report import rendering

_FILES = Path(__file__).with_name("space_files")
_ROOT = Path(inference.__file__).parents[1]
_PACKAGES = ("data", "inference")
_DISTRIBUTION = "face-classifier-tuner"
_MODELS = "models"


class SpaceError(RuntimeError):
    """The folder can't be written; the message says what to do."""


def write(models: Path, folder: Path) -> None:
    """Write the Space: app, requirements without TensorFlow, README, sources and models.

    Args:
        models: Folder that the export wrote.
        folder: Folder to write: new, empty, a fresh clone of a Space, or a Space written before.

    Raises:
        SpaceError: The folder holds something else.
        BundleError: The models are missing or damaged.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "space")
        >>> file.touch()
        >>> write(Path("models"), file)
        Traceback (most recent call last):
            ...
        export.space.SpaceError: ...space is a file: give --to a folder
    """
    if trouble := target_folder.trouble(folder, _FILES / "app.py", "Space"):
        raise SpaceError(trouble)
    index = bundle.read_index(models)
    bundles = [bundle.find(models, name) for name in index.bundles]
    folder.mkdir(parents=True, exist_ok=True)
    for package in _PACKAGES:
        _replace_tree(_ROOT / package, folder / package)
    shutil.rmtree(folder / _MODELS, ignore_errors=True)
    for item in bundles:
        copy_served(item, folder / _MODELS / item.folder.name)
    bundle.write_index(folder / _MODELS, index.champion, index.bundles)
    (folder / "requirements.txt").write_text("\n".join(_requirements()) + "\n", encoding="utf-8")
    for name in ("app.py", ".gitattributes"):
        shutil.copyfile(_FILES / name.removeprefix("."), folder / name)
    (folder / "README.md").write_text(_readme(bundles, index.champion), encoding="utf-8")


def _replace_tree(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def copy_served(item: Bundle, folder: Path) -> None:
    """Write a bundle of the precisions that may be served, of which each machine takes its best.

    Args:
        item: Bundle to copy.
        folder: Folder of the copy.

    Raises:
        BundleError: A file is missing or changed.
    """
    formats = {form: item.info.formats[form] for form in item.precisions()}
    info = item.info.model_copy(update={"formats": dict(formats)})
    files = [item.verified(form) for form in formats]
    files += [item.folder / bundle.CARD_FILE]
    files += [item.folder / info.checks.file] if info.checks else []
    bundle.write(folder, info, {path.name: path for path in files if path.is_file()})


def _requirements() -> list[str]:
    """Of the serving install, which has no TensorFlow: what belongs to no extra."""
    return sorted(line for line in requires(_DISTRIBUTION) or [] if "extra ==" not in line)


def _readme(bundles: list[Bundle], champion: str) -> str:
    labels = list(dict.fromkeys(label for item in bundles for label in item.info.classes))
    return rendering.render(
        "export",
        "space_files/README.md.jinja",
        bundles=bundles,
        champion=champion,
        labels=labels,
        notice=notice_in_markdown,
        md=escape,
        not_for=not_for,
        has_origin="origin" in map(kind_of, labels),
        gradio=version("gradio"),
        python="{}.{}".format(*sys.version_info),
    )
