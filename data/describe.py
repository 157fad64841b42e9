"""What a data set holds, measured by opening its files."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data.conflicts import label_conflicts
from data.images import ImageError, decode
from data.labels import LABELS
from data.manifest import SPLITS, Dataset

_BATCH = 256
_SHOWN = 5


@dataclass(frozen=True)
class Description:
    """Facts of a data set. Sizes, unreadable files and duplicates are of the `opened` images."""

    format: str
    root: str
    synthetic: bool
    notes: tuple[str, ...]
    images: int
    labels: dict[str, int]  # by label name
    identities: int
    images_without_identity: int
    split: dict[str, dict[str, int]]  # official parts, by part and label name; empty if none
    attributes: int
    opened: int
    sizes: dict[str, int]  # "178x218": how many, commonest first
    unreadable: tuple[tuple[str, str], ...]  # path and reason
    duplicates: tuple[tuple[str, ...], ...]  # groups of paths with the same bytes
    duplicates_disagreeing: int  # groups whose images have different labels
    conflicts: tuple[tuple[str, str, str], ...]  # path, label, identity

    def as_dict(self) -> dict[str, Any]:
        """The facts as JSON takes them."""
        return asdict(self)


@dataclass(frozen=True)
class _File:
    path: str
    digest: str = ""
    size: str = ""
    error: str = ""


def describe(
    dataset: Dataset,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Description:
    """Open the images (`limit` random ones, if given) and count.

    `progress(done, total)` is called for each image. Memory holds one line a file, no pixels.
    """
    manifest = dataset.manifest
    paths = _choose(manifest["path"], limit, seed)
    files = []
    for file in _open_all(paths):
        files.append(file)
        if progress:
            progress(len(files), len(paths))
    duplicates = _duplicates(files)
    label_of = dict(zip(manifest["path"], manifest["label"], strict=True))
    conflicts = label_conflicts(manifest)
    return Description(
        format=dataset.name,
        root=str(dataset.root),
        synthetic=dataset.synthetic,
        notes=dataset.notes,
        images=len(manifest),
        labels=_by_label(manifest),
        identities=int(manifest["identity"].nunique()),
        images_without_identity=int(manifest["identity"].isna().sum()),
        split={
            part: _by_label(rows)
            for part in SPLITS
            if len(rows := manifest[(manifest["split"] == part).fillna(False)])
        },
        attributes=manifest.shape[1] - 4,
        opened=len(files),
        sizes=dict(Counter(file.size for file in files if file.size).most_common()),
        unreadable=tuple((file.path, file.error) for file in files if file.error),
        duplicates=duplicates,
        duplicates_disagreeing=sum(len({label_of[p] for p in group}) > 1 for group in duplicates),
        conflicts=tuple(
            zip(
                conflicts["path"],
                conflicts["label"].map(dict(enumerate(LABELS))),
                conflicts["identity"],
                strict=True,
            )
        ),
    )


def show(facts: Description, console: Console) -> None:
    """Print a description for people."""
    console.print(f"[bold]{escape(facts.format)}[/] in {escape(facts.root)}", soft_wrap=True)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(facts):
        table.add_row(name, escape(text))
    console.print(table)
    _show_some(console, "Unreadable", [f"{path}: {why}" for path, why in facts.unreadable])
    _show_some(console, "Identical files", [" = ".join(group) for group in facts.duplicates])
    conflicts = [f"{path}: {label}, unlike most of {who}" for path, label, who in facts.conflicts]
    _show_some(console, "Labels against the identity's majority", conflicts)


def _lines(facts: Description) -> Iterator[tuple[str, str]]:
    """Heading and text of each line."""
    yield from (("note", note) for note in facts.notes)
    yield "images", f"{facts.images:,}"
    yield "labels", f"{_shares(facts.labels)} (as annotators perceived them)"
    yield "identities", _identities(facts)
    for part, labels in facts.split.items():
        yield f"split {part}", f"{sum(labels.values()):,}: {_shares(labels)}"
    if not facts.split:
        yield "split", "none that is complete: one will be made by identity"
    yield "attributes", f"{facts.attributes}"
    partly = "" if facts.opened == facts.images else f" (of {facts.opened:,} images opened)"
    yield "sizes", _sizes(facts.sizes) + partly
    yield "unreadable", f"{len(facts.unreadable):,}{partly}"
    copies = sum(len(group) - 1 for group in facts.duplicates)
    disagreeing = facts.duplicates_disagreeing
    yield "duplicates", f"{copies:,}, {disagreeing:,} groups with different labels{partly}"
    yield "conflicts", f"{len(facts.conflicts):,} labels against the majority of their identity"


def _identities(facts: Description) -> str:
    if not facts.identities:
        return "not given: each image counts as a person of its own"
    alone = facts.images_without_identity
    return f"{facts.identities:,}" + (f", {alone:,} images without" if alone else "")


def _shares(labels: dict[str, int]) -> str:
    total = sum(labels.values())
    return ", ".join(f"{name} {count:,} ({count / total:.1%})" for name, count in labels.items())


def _sizes(sizes: dict[str, int]) -> str:
    if not sizes:
        return "none"
    shown = [f"{size} ({count:,})" for size, count in islice(sizes.items(), _SHOWN)]
    others = len(sizes) - len(shown)
    return ", ".join(shown) + (f" and {others:,} other sizes" if others else "")


def _show_some(console: Console, title: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(f"\n[bold]{title}[/]")
    for line in lines[:_SHOWN]:
        console.print(f"  {escape(line)}", soft_wrap=True)
    if len(lines) > _SHOWN:
        console.print(f"  … and {len(lines) - _SHOWN:,} more (all of them with --json)")


def _choose(paths: pd.Series, limit: int | None, seed: int) -> list[str]:
    if limit is None or limit >= len(paths):
        return list(paths)
    rows = np.random.default_rng(seed).choice(len(paths), limit, replace=False)
    return list(paths.iloc[np.sort(rows)])


def _by_label(manifest: pd.DataFrame) -> dict[str, int]:
    counts = np.bincount(manifest["label"], minlength=2)
    return {name: int(count) for name, count in zip(LABELS, counts, strict=True)}


def _open_all(paths: list[str]) -> Iterator[_File]:
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), _BATCH):
            yield from pool.map(_look, paths[start : start + _BATCH])


def _look(path: str) -> _File:
    try:
        content = Path(path).read_bytes()
        width, height = decode(content).size
    except ImageError as error:
        return _File(path, error=str(error))
    except OSError as error:
        return _File(path, error=f"can't be read: {error.strerror}")
    return _File(path, hashlib.sha256(content).hexdigest(), f"{width}x{height}")


def _duplicates(files: list[_File]) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = {}
    for file in files:
        if file.digest:
            groups.setdefault(file.digest, []).append(file.path)
    return tuple(tuple(paths) for paths in groups.values() if len(paths) > 1)
