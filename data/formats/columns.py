"""Columns of tables as labels that can be learned."""

from dataclasses import replace

import numpy as np
import pandas as pd

from data.ages import AgeGroups
from data.labels import GENDER, MAX_CLASSES, MISSING
from data.manifest import DataError
from data.offers import Offer
from data.reading import (
    NUMBERS,
    USUAL,
    Reading,
    has_undefined,
    meaning_of,
    read_labels,
    reading_for,
    word_of,
)

FEW_NUMBERS = 20
"""More different numbers in a column are taken for a measure, not for classes."""

_AGE = "age"
_HOPELESS = 10 * MAX_CLASSES


def offer_of(
    values: pd.Series,
    where: str,
    ages: AgeGroups,
    reading: Reading | None = None,
    whole: pd.Series | None = None,
) -> Offer:
    """Read a column as a label.

    What says no or yes has these classes, other words are classes themselves, and so are a few
    whole numbers; in a column called "age" numbers are years.

    Args:
        values: The column, N images, NA where one has no value.
        where: File that it is from, for messages.
        ages: Groups into which years are put.
        reading: What its words mean, if the user says so.
        whole: The column with the rows that are not asked for, among which a -1 may be.

    Returns:
        The label, with its fault where the column cannot be one.

    Example:
        >>> from data.ages import age_groups
        >>> column = pd.Series(["fair", "black", None], name="hair")
        >>> offer = offer_of(column, "faces.csv", age_groups())
        >>> offer.classes, offer.codes.tolist()
        (('black', 'fair'), [1, 0, -1])
    """
    present = _present(values)
    words = sorted({word_of(value) for value in present.unique()}) if _is_readable(present) else []
    if reading is None and _holds_years(str(values.name), present, words):
        return _of_years(values, ages)
    if reading is None and (fault := _fault(present, words)):
        return Offer(
            name=_name(values),
            classes=(),
            codes=np.full(len(values), MISSING, np.int8),
            column=str(values.name),
            fault=f"column {str(values.name)!r} {fault}",
        )
    return _of_words(values, where, reading or reading_for(map(str, present.unique())), whole)


def gender_of(
    values: pd.Series, where: str, reading: Reading = USUAL, whole: pd.Series | None = None
) -> Offer:
    """Read a column as gender.

    Args:
        values: The column, N images, NA where one has no value.
        where: File that it is from, for messages.
        reading: What its words mean.
        whole: The column with the rows that are not asked for, among which a -1 may be.

    Returns:
        The label, with its fault where a word is none of its classes.

    Example:
        >>> gender = gender_of(pd.Series(["f", "m", None], name="sex"), "faces.csv")
        >>> gender.name, gender.codes.tolist()
        ('gender', [0, 1, -1])
    """
    also = ("Male", _name(values))
    try:
        offer = _of_words(values, where, reading, whole)
    except DataError as error:
        fault = str(error).removeprefix(f"{where}: ")
        nothing = np.full(len(values), MISSING, np.int8)
        return Offer(GENDER.name, GENDER.classes, nothing, also, str(values.name), fault=fault)
    return replace(offer, name=GENDER.name, also=also)


def has_value(values: pd.Series) -> pd.Series:
    """Whether a value is there: neither missing nor blank.

    Example:
        >>> has_value(pd.Series(["fair", None, " "])).tolist()
        [True, False, False]
    """
    if pd.api.types.is_numeric_dtype(values):
        return values.notna()
    blank = [word for word in values.unique() if isinstance(word, str) and not word.strip()]
    return values.notna() & ~values.isin(blank)


def is_of_gender(values: pd.Series) -> bool:
    """Whether a column that is called "label" means women and men: by its words, or 0/1 or -1/1.

    Example:
        >>> is_of_gender(pd.Series([0, 1])), is_of_gender(pd.Series(["cat", "dog"]))
        (True, False)
        >>> is_of_gender(pd.Series(["f", "m", "child"]))  # an error to report, not three classes
        True
    """
    words = {word_of(value) for value in values.dropna().unique()}
    return words <= set(USUAL.labels) or bool(words & (set(USUAL.labels) - set(NUMBERS)))


def _name(values: pd.Series) -> str:
    return str(values.name).strip()


def _present(values: pd.Series) -> pd.Series:
    return values[has_value(values)]


def _is_readable(present: pd.Series) -> bool:
    return present.nunique() <= _HOPELESS


def _holds_years(name: str, present: pd.Series, words: list[str]) -> bool:
    if name.strip().lower() != _AGE or set(words) <= set(NUMBERS):
        return False
    return bool(pd.to_numeric(present, errors="coerce").notna().all())


def _fault(present: pd.Series, words: list[str]) -> str:
    """Why no classes can be made of the values; empty where they can."""
    if present.empty:
        return "is empty"
    count = present.nunique()
    if not words or count > MAX_CLASSES:
        return (
            f"holds {count:,} different values, and {MAX_CLASSES} classes at most can be learned: "
            "names or numbers of images are no label"
        )
    numbers = pd.to_numeric(pd.Series(words), errors="coerce")
    if numbers.isna().any():
        return ""
    if (numbers % 1 != 0).any():
        return "holds numbers with fractions, which are no classes"
    if count > FEW_NUMBERS:
        return (
            f"holds {count:,} different numbers, and {FEW_NUMBERS} at most are taken for classes: "
            "say what they mean, LABELS=<number>=<class>"
        )
    return ""


def _of_years(values: pd.Series, ages: AgeGroups) -> Offer:
    years = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    codes = ages.codes(years)
    outside = int(((codes == MISSING) & ~np.isnan(years)).sum())
    groups = ", ".join(ages.names)
    return Offer(
        name=_name(values),
        classes=ages.names,
        codes=codes.astype(np.int8),
        column=str(values.name),
        notes=(
            f"column {str(values.name)!r}: years, in the groups {groups}; AGES=... names others",
        ),
        unread=f"{outside:,} rows whose age is in no group of AGES" if outside else "",
        meaning="years",
    )


def _of_words(values: pd.Series, where: str, reading: Reading, whole: pd.Series | None) -> Offer:
    present = _present(values)
    everything = present if whole is None else _present(whole)
    read = read_labels(present, where, reading, everything)
    words = [word_of(value) for value in present.unique()]
    undefined = "0" if has_undefined([word_of(value) for value in everything.unique()]) else None
    return Offer(
        name=_name(values),
        classes=reading.classes,
        codes=read.labels.reindex(values.index).fillna(MISSING).to_numpy(np.int8),
        column=str(values.name),
        notes=read.notes,
        unread=read.unread,
        meaning=meaning_of(words, reading, None if reading.chosen else undefined),
    )
