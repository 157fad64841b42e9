"""What a data set holds, measured by opening its files."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data.conflicts import contradicting
from data.copies.distinct import disagreeing, in_several_parts
from data.copies.hashes import hash_files
from data.copies.matching import Copies, find_copies
from data.groups import with_first
from data.image_store import BrokenImage
from data.images import ImageError, decode, room_to_decode
from data.labels import GENDER, Label, class_counts, code_columns
from data.manifest import SPLITS, Dataset, attributes, in_words
from data.progress import ProgressCallback

_SHOWN = 5
_SHOWN_OF_GROUP = 3
_SHOWN_CLASSES = 10


class Conflict(NamedTuple):
    """An image whose label contradicts most of the same person's images.

    Attributes:
        path: Path of its file.
        label: Its label in words.
        identity: Name or number of the person in it.
    """

    path: str
    label: str
    identity: str


class LabeledPath(NamedTuple):
    """An image and its label in words."""

    path: str
    label: str


@dataclass(frozen=True)
class Offered:
    """A label that the data set offers.

    Attributes:
        name: Name that `LABEL=` takes.
        classes: Number of images by class.
        missing: Number of images without a class of it.
        meaning: How words are read that do not say it themselves, such as "-1 for no, 1 for yes".
        learned: Whether it is among the labels that were chosen.
    """

    name: str
    classes: dict[str, int]
    missing: int
    meaning: str
    learned: bool


@dataclass(frozen=True)
class _CopyFacts:
    """The facts of `Description` that are on copies."""

    duplicates: tuple[tuple[str, ...], ...]
    duplicates_disagreeing: int
    contradictions: tuple[tuple[LabeledPath, ...], ...]
    duplicates_across_parts: int
    near_duplicates: tuple[tuple[str, str], ...]
    near_duplicates_disagreeing: int
    near_duplicates_across_parts: int


@dataclass(frozen=True)
class Description:
    """Facts of a data set. Sizes, unreadable files and duplicates are of the `opened` images.

    Attributes:
        format: Name of its format.
        root: Path of the folder that holds it, absolute.
        synthetic: Whether its faces are drawn.
        notes: Remarks of one line on how it was read.
        images: Number of images with a label, opened or not.
        labels: Number of images by class, of several labels by "<label> <class>".
        identities: Number of people with an identity.
        images_without_identity: Number of images without one.
        split: Number of images by official part and class; empty without official parts.
        attributes: Number of attribute columns.
        opened: Number of images that were opened.
        sizes: Number of images by size ("178x218"), commonest first.
        unreadable: Images that cannot be read.
        duplicates: Groups of paths with the same bytes.
        duplicates_disagreeing: Number of these groups whose images have different labels.
        contradictions: Those groups, with labels.
        duplicates_across_parts: Number of groups whose images lie in several official parts.
        near_duplicates: Pairs of paths of one picture, resized or saved anew: its first image with
            each other one.
        near_duplicates_disagreeing: Number of these pictures whose images have different labels.
        near_duplicates_across_parts: Number of those whose images lie in several official parts.
        conflicts: Images whose label contradicts most of the same person's images.
        learned: Names of the labels that were chosen.
        offers: Labels that the data set offers, learned or not.

    Example:
        >>> from data.manifest import make_manifest
        >>> manifest = make_manifest(["/faces/a.jpg", "/faces/b.jpg"], pd.Series([0, 1]))
        >>> facts = describe(Dataset("CSV table", Path("/faces"), manifest))
        >>> facts.to_dict()["labels"], facts.unreadable[0].reason
        ({'woman': 1, 'man': 1}, 'no such file')
    """

    format: str
    root: str
    synthetic: bool
    notes: tuple[str, ...]
    images: int
    labels: dict[str, int]
    identities: int
    images_without_identity: int
    split: dict[str, dict[str, int]]
    attributes: int
    opened: int
    sizes: dict[str, int]
    unreadable: tuple[BrokenImage, ...]
    duplicates: tuple[tuple[str, ...], ...]
    duplicates_disagreeing: int
    contradictions: tuple[tuple[LabeledPath, ...], ...]
    duplicates_across_parts: int
    near_duplicates: tuple[tuple[str, str], ...]
    near_duplicates_disagreeing: int
    near_duplicates_across_parts: int
    conflicts: tuple[Conflict, ...]
    learned: tuple[str, ...]
    offers: tuple[Offered, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the facts as JSON takes them."""
        return asdict(self)


def describe(
    dataset: Dataset,
    limit: int | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cache: Path | None = None,
) -> Description:
    """Open the images of a data set, compare them with each other, and count.

    Memory holds one line a file, no pixels.

    Args:
        dataset: The data set, as `data.load` gives it.
        limit: Number of images to open, chosen at random; all if None.
        seed: Seed of that choice.
        progress: Callback for each image that is decoded.
        cache: File with the hashes of earlier calls, see `data.copies.hashes.hash_files`. Images
            that it knows are not decoded again.

    Returns:
        The facts.

    Raises:
        DataError: ImageHash is missing, as where only the serving part is installed.

    Example:
        >>> import tempfile
        >>> from data import load
        >>> from data.synthetic import generate
        >>> facts = describe(load(generate(Path(tempfile.mkdtemp(), "portraits"), 6)))
        >>> facts.images, facts.identities, facts.sizes
        (6, 2, {'178x218': 6})
    """
    manifest = dataset.manifest
    some = _choose(manifest, limit, seed)
    paths = some["path"].tolist()
    hashes = hash_files(paths, cache, progress)
    broken = [paths[row] for row in np.flatnonzero(~hashes.readable)]
    copies = find_copies(hashes)
    return Description(
        format=dataset.name,
        root=str(dataset.root),
        synthetic=dataset.synthetic,
        notes=dataset.notes,
        images=len(manifest),
        labels=_by_label(manifest, dataset.labels),
        identities=int(manifest["identity"].nunique()),
        images_without_identity=int(manifest["identity"].isna().sum()),
        split=_by_part(manifest, dataset.labels),
        attributes=len(attributes(manifest)),
        opened=len(paths),
        sizes=_count_sizes(hashes.sizes[hashes.readable]),
        unreadable=tuple(BrokenImage(path, _fault(path)) for path in broken),
        **vars(_on_copies(some, copies, dataset.labels)),
        conflicts=tuple(_conflicts(manifest, dataset.labels)),
        learned=tuple(label.name for label in dataset.labels),
        offers=tuple(_offers(dataset)),
    )


def _offers(dataset: Dataset) -> Iterator[Offered]:
    for offer in dataset.offers:
        yield Offered(
            name=offer.label.name,
            classes=dict(zip(offer.label.classes, offer.counts, strict=True)),
            missing=offer.missing,
            meaning=offer.meaning,
            learned=offer.label in dataset.labels,
        )


def _conflicts(manifest: pd.DataFrame, labels: Sequence[Label]) -> Iterator[Conflict]:
    by_column = dict(zip(code_columns(labels), labels, strict=True))
    for name, contradicts in contradicting(manifest, labels).items():
        rows = manifest[contradicts]
        words = in_words(rows.rename(columns={name: "label"}), [by_column[name]])
        yield from map(Conflict, rows["path"], words, rows["identity"])


def _on_copies(manifest: pd.DataFrame, copies: Copies, labels: Sequence[Label]) -> _CopyFacts:
    content, picture = (
        pd.Series(numbers, index=manifest.index) for numbers in (copies.content, copies.picture)
    )
    repeated = manifest[content.duplicated(keep=False)]
    contradictory = repeated[disagreeing(repeated, content)]
    with_words = contradictory.assign(words=in_words(contradictory, labels))
    distinct = manifest[~content.duplicated()]
    near = with_first(picture[distinct.index].to_numpy())
    alike = distinct.iloc[np.unique(near)]
    return _CopyFacts(
        duplicates=_groups(repeated["path"], content),
        duplicates_disagreeing=int(content[contradictory.index].nunique()),
        contradictions=tuple(
            tuple(map(LabeledPath, rows["path"], rows["words"]))
            for _, rows in with_words.groupby(content, sort=False)
        ),
        duplicates_across_parts=in_several_parts(repeated, content),
        near_duplicates=tuple(map(tuple, distinct["path"].to_numpy()[near])),
        near_duplicates_disagreeing=picture[alike[disagreeing(alike, picture)].index].nunique(),
        near_duplicates_across_parts=in_several_parts(alike, picture),
    )


def _groups(paths: pd.Series, content: pd.Series) -> tuple[tuple[str, ...], ...]:
    """The paths of each content, contents in the order in which they appear."""
    groups: dict[int, list[str]] = {}
    for number, path in zip(content[paths.index], paths, strict=True):
        groups.setdefault(number, []).append(path)
    return tuple(map(tuple, groups.values()))


def _by_part(manifest: pd.DataFrame, labels: Sequence[Label]) -> dict[str, dict[str, int]]:
    parts = {part: manifest[(manifest["split"] == part).fillna(False)] for part in SPLITS}
    return {part: _by_label(rows, labels) for part, rows in parts.items() if len(rows)}


def show(facts: Description, console: Console) -> None:
    """Print a description for people.

    Example:
        >>> from data.manifest import make_manifest
        >>> manifest = make_manifest(["/faces/a.jpg", "/faces/b.jpg"], pd.Series([0, 1]))
        >>> facts = describe(Dataset("CSV table", Path("/faces"), manifest))
        >>> show(facts, Console(width=80))
        CSV table in /faces
        images       2
        labels       woman 1 (50.0%), man 1 (50.0%) (as annotators perceived them)
        ...
    """
    console.print(f"[bold]{escape(facts.format)}[/] in {escape(facts.root)}", soft_wrap=True)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(facts):
        table.add_row(name, escape(text))
    console.print(table)
    _show_some(console, "Unreadable", [f"{path}: {why}" for path, why in facts.unreadable])
    both = [_with_labels(group) for group in facts.contradictions]
    _show_some(console, "Identical files with different labels", both)
    _show_some(console, "Identical files", [_some_of(group) for group in facts.duplicates])
    _show_some(console, "Alike", [_some_of(pair) for pair in facts.near_duplicates])
    conflicts = [f"{path}: {label}, unlike most of {who}" for path, label, who in facts.conflicts]
    _show_some(console, "Labels against the identity's majority", conflicts)


def _lines(facts: Description) -> Iterator[tuple[str, str]]:
    """Heading and text of each line."""
    yield from (("note", note) for note in facts.notes)
    yield "images", f"{facts.images:,}"
    yield from (("offers", _offered(offer)) for offer in facts.offers)
    yield (
        "labels",
        f"{_learned(facts)}{_shares(facts.labels, facts)} (as annotators perceived them)",
    )
    yield "identities", _identities(facts)
    for part, labels in facts.split.items():
        yield f"split {part}", f"{_images_in(labels, facts)}{_shares(labels, facts)}"
    if not facts.split:
        yield "split", "none that is complete: one will be made by identity"
    yield "attributes", f"{facts.attributes}"
    partly = "" if facts.opened == facts.images else f" (of {facts.opened:,} images opened)"
    yield "sizes", _sizes(facts.sizes) + partly
    yield "unreadable", f"{len(facts.unreadable):,}{partly}"
    yield "duplicates", _duplicates(facts) + partly
    yield "look-alikes", _alike(facts) + partly
    yield "conflicts", f"{len(facts.conflicts):,} labels against the majority of their identity"


def _duplicates(facts: Description) -> str:
    copies = sum(len(group) - 1 for group in facts.duplicates)
    if not copies:
        return "0"
    return (
        f"{copies:,} copies, byte for byte, of {len(facts.duplicates):,} images; of these "
        f"{facts.duplicates_disagreeing:,} with different labels, "
        f"{facts.duplicates_across_parts:,} in several parts"
    )


def _alike(facts: Description) -> str:
    again = len(facts.near_duplicates)
    if not again:
        return "0"
    pictures = len({first for first, _ in facts.near_duplicates})
    return (
        f"{again:,} images of {pictures:,} pictures, resized or compressed anew; of these "
        f"{facts.near_duplicates_disagreeing:,} with different labels, "
        f"{facts.near_duplicates_across_parts:,} in several parts"
    )


def _identities(facts: Description) -> str:
    if not facts.identities:
        return "not given: each image counts as a person of its own"
    alone = facts.images_without_identity
    return f"{facts.identities:,}" + (f", {alone:,} images without" if alone else "")


def _offered(offer: Offered) -> str:
    classes = [f"{name} {count:,}" for name, count in islice(offer.classes.items(), _SHOWN_CLASSES)]
    others = len(offer.classes) - len(classes)
    notes = (
        f"none in {offer.missing:,}" if offer.missing else "",
        offer.meaning,
        "learned" if offer.learned else "",
    )
    more = f" and {others:,} other classes" if others else ""
    inside = "; ".join(filter(None, notes))
    return f"{offer.name}: {', '.join(classes)}{more}" + (f" ({inside})" if inside else "")


def _learned(facts: Description) -> str:
    """The name of the only label, unless it is the usual one."""
    return "" if len(facts.learned) > 1 or GENDER.name in facts.learned else f"{facts.learned[0]}: "


def _images_in(labels: dict[str, int], facts: Description) -> str:
    return f"{sum(labels.values()):,}: " if len(facts.learned) == 1 else ""


def _shares(labels: dict[str, int], facts: Description) -> str:
    total = sum(labels.values())
    alone = len(facts.learned) == 1
    return ", ".join(
        f"{name} {count:,}" + (f" ({count / total:.1%})" if alone else "")
        for name, count in labels.items()
    )


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


def _some_of(group: tuple[str, ...]) -> str:
    more = len(group) - _SHOWN_OF_GROUP
    return " = ".join(group[:_SHOWN_OF_GROUP]) + (f" and {more:,} more" if more > 0 else "")


def _with_labels(group: tuple[LabeledPath, ...]) -> str:
    first = {label: path for path, label in reversed(group)}
    more = len(group) - len(first)
    rest = f" and {more:,} more" if more else ""
    return " = ".join(f"{first[label]} ({label})" for label in sorted(first)) + rest


def _choose(manifest: pd.DataFrame, limit: int | None, seed: int) -> pd.DataFrame:
    if limit is None or limit >= len(manifest):
        return manifest
    rows = np.random.default_rng(seed).choice(len(manifest), limit, replace=False)
    return manifest.iloc[np.sort(rows)].reset_index(drop=True)


def _by_label(manifest: pd.DataFrame, labels: Sequence[Label]) -> dict[str, int]:
    counts = {}
    for label, name in zip(labels, code_columns(labels), strict=True):
        numbers = class_counts(manifest[name].to_numpy(), len(label.classes))
        for word, count in zip(label.classes, numbers, strict=True):
            counts[word if len(labels) == 1 else f"{label.name} {word}"] = int(count)
    return counts


def _count_sizes(sizes: np.ndarray) -> dict[str, int]:
    """Number of images of each size, uint32 [N, 2]: commonest first, then in order of rows."""
    each, first, counts = np.unique(sizes, axis=0, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    return {"x".join(map(str, each[place])): int(counts[place]) for place in order}


def _fault(path: str) -> str:
    """What is wrong with an image that could not be decoded before."""
    with room_to_decode(Path(path)):
        try:
            decode(Path(path))
        except ImageError as error:
            return str(error)
    return "it could not be read before, and can be now: describe it again"
