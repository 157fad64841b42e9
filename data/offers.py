"""The labels that a data set offers, and those that are chosen to be learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from data.ages import AgeGroups, age_groups
from data.labels import (
    GENDER,
    MAX_CLASSES,
    MISSING,
    UNCERTAIN,
    Label,
    class_counts,
    code_columns,
    stratum,
)
from data.manifest import PATHS, DataError, Dataset, OfferedLabel, counts_in_words
from data.messages import printable
from data.reading import USUAL, Reading, reading_of

LEAST = 3
"""Images that each class needs at least: one each to train, validate and test with."""

_LONGEST = 80
_SHOWN = 50
_FAULTS = 3


@dataclass(frozen=True)
class Choice:
    """What a user asks of a data set.

    Attributes:
        names: Names of the labels to learn; none for the data set's own.
        reading: What its words mean.
        ages: Groups into which ages are put.

    Example:
        >>> Choice().names, Choice().ages.names
        ((), ('0-12', '13-19', '20-39', '40-59', '60+'))
    """

    names: tuple[str, ...] = ()
    reading: Reading = USUAL
    ages: AgeGroups = field(default_factory=age_groups)


NOTHING_ASKED = Choice()
"""The choice of a user who leaves all to the data set."""


def choice_of(label: str = "", labels: str = "", ages: str = "") -> Choice:
    """Parse what a user asks of a data set.

    Args:
        label: Names of labels, separated by commas; empty for the data set's own.
        labels: Meaning of words, see `data.reading.reading_of`.
        ages: Groups of ages, see `data.ages.age_groups`; the usual ones where empty.

    Raises:
        DataError: One of them is not of its form, or a label is named twice.

    Example:
        >>> choice_of("Smiling, Eyeglasses").names
        ('Smiling', 'Eyeglasses')
        >>> choice_of("Smiling,smiling")
        Traceback (most recent call last):
            ...
        data.manifest.DataError: LABEL=Smiling,smiling: names 'smiling' twice
    """
    names = tuple(name for word in label.split(",") if (name := word.strip()))
    if label.strip() and not names:
        raise DataError(f"LABEL={label}: names no label")
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise DataError(f"LABEL={label}: names {name!r} twice")
        seen.add(name.casefold())
    reading = reading_of(labels)
    if reading.chosen and len(names) > 1:
        raise DataError(
            f"LABELS={labels}: says what words mean for one label, and LABEL names {len(names)}"
        )
    return Choice(names, reading, age_groups(ages) if ages.strip() else age_groups())


@dataclass(frozen=True, eq=False)
class Offer:
    """A column, or what else a data set says of its N images, as a label that can be learned.

    Attributes:
        name: Name of the label.
        classes: Names of its classes.
        codes: Code of each image's class, int8 [N], `MISSING` where it has none.
        also: Further names by which it may be asked for.
        column: Name of the column that it is from, which is no attribute where it is chosen.
        notes: Remarks of one line on how it was read.
        unread: What has no class, in words, see `data.reading.ReadLabels`.
        meaning: What words mean that do not say it themselves, see `OfferedLabel`.
        fault: Why it cannot be learned, in one line; empty where nothing is known against it.

    Example:
        >>> Offer("hat", ("no", "yes"), np.array([0, 1, -1], np.int8)).counts.tolist()
        [1, 1]
    """

    name: str
    classes: tuple[str, ...]
    codes: np.ndarray
    also: tuple[str, ...] = ()
    column: str = ""
    notes: tuple[str, ...] = ()
    unread: str = ""
    meaning: str = ""
    fault: str = ""

    @property
    def counts(self) -> np.ndarray:
        """Number of images of each class, int64 [C]."""
        return class_counts(self.codes, len(self.classes))

    @property
    def label(self) -> Label:
        """The label; only where `why_not` finds nothing."""
        return Label(name=self.name, classes=self.classes)

    def why_not(self) -> str:
        """Say in one line why it cannot be learned; empty where it can."""
        return self.fault or next(
            (f"label {self.name[:_LONGEST]!r}: {why}" for why in _faults(self)), ""
        )

    @property
    def is_gender(self) -> bool:
        """Whether it is woman or man, under whatever name the data set has it."""
        return self.name == GENDER.name and self.classes == GENDER.classes

    def answers_to(self, name: str) -> bool:
        """Whether it may be asked for by a name, whatever its case."""
        return name.casefold() in (known.casefold() for known in (self.name, *self.also))


@dataclass(frozen=True, eq=False)
class Chosen:
    """The labels of a data set's N images that are to be learned.

    Attributes:
        offers: Their offers, in the order in which they were asked for.

    Example:
        >>> hat = Offer("hat", ("no", "yes"), np.array([0, 1, -1], np.int8), unread="1 rows with ?")
        >>> chosen = Chosen((hat,))
        >>> chosen.codes["label"].tolist(), chosen.has_any.tolist(), chosen.notes()
        ([0, 1, -1], [True, True, False], ('left out: 1 rows with ?',))
    """

    offers: tuple[Offer, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels."""
        return tuple(offer.label for offer in self.offers)

    @property
    def codes(self) -> pd.DataFrame:
        """Codes of all images, a column of `data.labels.code_columns` each."""
        columns = zip(code_columns(self.labels), self.offers, strict=True)
        return pd.DataFrame({name: offer.codes for name, offer in columns})

    @property
    def has_any(self) -> np.ndarray:
        """Whether an image has a class of any of the labels, bool [N]; others are left out."""
        return np.any([offer.codes != MISSING for offer in self.offers], axis=0)

    @property
    def columns(self) -> list[str]:
        """Columns of the data set that are no attributes, as they are learned."""
        return [offer.column for offer in self.offers]

    def notes(self, blanks: bool = True) -> tuple[str, ...]:
        """Say in a line each how they were read, and what is without a class.

        Args:
            blanks: Whether to count images without a value of the only label, where the format
                has not done so itself.
        """
        notes = [note for offer in self.offers for note in offer.notes]
        if len(self.offers) == 1:
            (offer,) = self.offers
            blank = int((offer.codes == MISSING).sum()) if blanks else 0
            without = f"{blank:,} images without a value of {offer.name!r}" if blank else ""
            what = offer.unread or without
            return (*notes, f"left out: {what}") if what else (*notes,)
        for offer in self.offers:
            blank = int((offer.codes == MISSING).sum())
            if blank:
                why = f": {offer.unread}" if offer.unread else ""
                notes.append(f"{blank:,} images have no value of {offer.name!r}{why}")
        nothing = int((~self.has_any).sum())
        return (*notes, f"left out: {nothing:,} images without any label") if nothing else (*notes,)


def choose(offers: Sequence[Offer], choice: Choice, where: str, hint: str = "") -> Chosen:
    """Find the labels that a user asks for among those that a data set offers.

    Args:
        offers: What the data set offers, also what cannot be learned.
        choice: What the user asks for; by default gender, or the only label there is.
        where: The data set, for messages.
        hint: What else to do where a label is not offered.

    Raises:
        DataError: A label is not offered, or cannot be learned, none is named and several are
            there, or two would have one name in a model's graph.

    Example:
        >>> codes = np.array([0, 1] * 3, np.int8)
        >>> offers = [Offer("hat", ("no", "yes"), codes), Offer("Bangs", ("no", "yes"), codes)]
        >>> choose(offers, choice_of("HAT"), "faces.csv").labels
        (Label(name='hat', classes=('no', 'yes')),)
        >>> choose(offers, choice_of("smile"), "faces.csv")
        Traceback (most recent call last):
            ...
        data.manifest.DataError: faces.csv: no label 'smile'; it offers hat, Bangs
    """
    if choice.names:
        found = tuple(_named(offers, name, where, hint) for name in choice.names)
    else:
        found = (_own(offers, where),)
    for offer in found:
        if fault := offer.why_not():
            raise DataError(f"{where}: {fault}")
    outputs = [offer.label.output for offer in found]
    for place, output in enumerate(outputs):
        if found[place] in found[:place]:
            raise DataError(f"{where}: LABEL names {found[place].name!r} twice")
        if output in outputs[:place]:
            first, second = found[outputs.index(output)].name, found[place].name
            raise DataError(
                f"{where}: {first!r} and {second!r} would both be {output!r} in a model: learn one "
                "of them, or rename a column"
            )
    return Chosen(found)


def _named(offers: Sequence[Offer], name: str, where: str, hint: str) -> Offer:
    exact = [offer for offer in offers if offer.name == name]
    found = exact or [offer for offer in offers if offer.answers_to(name)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(offer.name for offer in found)
        raise DataError(f"{where}: label {name!r} may be any of {names}: write it as there")
    raise DataError(f"{where}: no label {name!r}; {_listed(offers)}{hint}")


def _own(offers: Sequence[Offer], where: str) -> Offer:
    """Gender, or the only label there is."""
    gender = next((offer for offer in offers if offer.is_gender), None)
    whole = [offer for offer in offers if not offer.why_not()]
    if gender or len(whole) == 1 or len(offers) == 1:
        return gender or (whole or [*offers])[0]
    then = f": give LABEL={whole[0].name}" if whole else ""
    raise DataError(
        f"{where}: it does not say which label is to be learned; {_listed(offers)}{then}"
    )


def _listed(offers: Sequence[Offer]) -> str:
    whole = [offer for offer in offers if not offer.why_not()]
    if whole:
        names = ", ".join(printable(offer.name) for offer in whole[:_SHOWN])
        more = len(whole) - _SHOWN
        return f"it offers {names}" + (f" and {more:,} others" if more > 0 else "")
    faults = "; ".join(offer.why_not() for offer in offers[:_FAULTS])
    return f"it offers none ({faults})" if faults else "it offers none"


def offering(
    dataset: Dataset, paths: Sequence[str], offers: Sequence[Offer], chosen: Chosen
) -> Dataset:
    """Add to a data set what is learned of it, and what else might be.

    Args:
        dataset: Data set of the images that have a label.
        paths: Paths of all N images, with or without one.
        offers: What it offers of them.
        chosen: What is learned.

    Example:
        >>> from pathlib import Path
        >>> from data.manifest import make_manifest
        >>> hat = Offer("hat", ("no", "yes"), np.array([0, 1] * 3, np.int8))
        >>> paths = [f"{i}.jpg" for i in range(6)]
        >>> manifest = make_manifest(paths, pd.Series(hat.codes))
        >>> faces = Dataset("CSV table", Path("/faces"), manifest)
        >>> faces = offering(faces, paths, [hat], Chosen((hat,)))
        >>> faces.strata.sum().to_dict(), faces.offers[0].counts
        ({'hat=no': 3, 'hat=yes': 3}, (3, 3))
    """
    whole = [offer for offer in offers if not offer.why_not()]
    columns = {
        stratum(offer.label, code): offer.codes == code
        for offer in whole
        for code in range(len(offer.classes))
    }
    strata = pd.DataFrame(columns, index=pd.Index(list(paths), dtype=PATHS))
    offered = (
        OfferedLabel(
            offer.label,
            tuple(offer.counts.tolist()),
            int((offer.codes == MISSING).sum()),
            offer.meaning,
        )
        for offer in whole
    )
    return replace(
        dataset,
        labels=chosen.labels,
        strata=strata[~strata.index.duplicated()],
        offers=tuple(offered),
    )


def gender_attribute(
    offers: Sequence[Offer], chosen: Chosen
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Make the column `Male` of all images where gender is known and not learned.

    Returns:
        Bool [N, 1], or [N, 0] without it, and a remark where it is left out because images that
        have a label have no gender.

    Example:
        >>> gender = Offer("gender", GENDER.classes, np.array([0, 1], np.int8))
        >>> hat = Offer("hat", ("no", "yes"), np.array([0, 1], np.int8))
        >>> gender_attribute([gender, hat], Chosen((hat,)))[0].to_dict("list")
        {'Male': [False, True]}
    """
    gender = next((offer for offer in offers if offer.is_gender), None)
    nothing = pd.DataFrame(index=range(len(chosen.has_any)))
    if gender is None or gender in chosen.offers:
        return nothing, ()
    unknown = int((gender.codes[chosen.has_any] == MISSING).sum())
    if unknown:
        return nothing, (f"attribute Male is left out: gender is unknown of {unknown:,} images",)
    return nothing.assign(Male=gender.codes == 1), ()


def _faults(offer: Offer) -> Iterator[str]:
    classes, counts = offer.classes, offer.counts
    if len(classes) > MAX_CLASSES:
        yield (
            f"{len(classes):,} classes, and {MAX_CLASSES} at most can be learned: a column of "
            "names or numbers, or a folder a person, is no label"
        )
    for name in (offer.name, *classes):
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST:
            yield (
                f"{printable(name[:_LONGEST])!r} can't be the name of a label or class: it is "
                f"blank, longer than {_LONGEST} letters, or not printable"
            )
        if name.lower() == UNCERTAIN:
            yield f"a class can't be called {name!r}, which is said where a model is not sure"
    if offer.is_gender:
        return  # one class alone is `checked`'s to report
    shown = counts_in_words(classes, counts)
    if np.count_nonzero(counts) < 2:
        yield f"a classifier needs images of two classes at least ({shown or 'there is none'})"
    if counts.min(initial=LEAST) < LEAST:
        yield f"a class has too few images, {LEAST} at least are needed of each ({shown})"
