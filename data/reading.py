"""The two labels, and the many ways in which tables and folders write them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.labels import GENDER
from data.manifest import DataError

_WORDS = (
    {"woman", "women", "female", "females", "f", "0", "-1", "false"},
    {"man", "men", "male", "males", "m", "1", "true"},
)
NUMBERS = ("-1", "0", "1", "false", "true")
"""Words that do not say themselves which label they mean."""

_SHOWN = 5


@dataclass(frozen=True)
class Reading:
    """Which label each word means.

    Attributes:
        labels: Label of each word, words in lower case.
        chosen: Whether the user gave them (`LABELS=`), so that other words are left out on
            purpose.

    Example:
        >>> USUAL.label(" Men "), USUAL.label(-1.0), USUAL.label("boy")
        (1, 0, None)
        >>> reading_of("0=man, 1=woman").label("0")
        1
    """

    labels: Mapping[str, int]
    chosen: bool = False

    def label(self, value: object) -> int | None:
        """Read a value: 0 for woman, 1 for man, None for anything that is neither.

        Case and surrounding blanks are ignored; numbers may be floats.
        """
        return self.labels.get(word_of(value))


USUAL = Reading({word: label for label, words in enumerate(_WORDS) for word in words})
"""How labels are read unless the user says otherwise; 1 is man."""


@dataclass(frozen=True, eq=False)
class ReadLabels:
    """A column of labels that was read.

    Attributes:
        labels: Int8, NA in rows to be left out.
        notes: Remarks of one line on how they were read.

    Example:
        >>> read = read_labels(pd.Series([0, 1], name="sex"), "faces.csv")
        >>> read.labels.tolist()
        [0, 1]
        >>> print(read.notes[0])
        column 'sex': 0 for woman, 1 for man is assumed; if it is the other way round, give ...
    """

    labels: pd.Series
    notes: tuple[str, ...]


def reading_of(text: str) -> Reading:
    """Parse the reading that a user gives.

    Args:
        text: Words and labels, as in ``0=man,1=woman``; nothing for the usual reading.

    Raises:
        DataError: The text is not of this form, has a word twice, or only one label.

    Example:
        >>> reading_of("mujer=woman, hombre=man").labels
        {'mujer': 0, 'hombre': 1}
        >>> reading_of("mujer=woman")
        Traceback (most recent call last):
            ...
        data.manifest.DataError: LABELS=mujer=woman: say for each word of the data ...
    """
    if not text.strip():
        return USUAL
    pairs = [pair.split("=") for pair in text.split(",") if pair.strip()]
    names = [word_of(pair[-1]) for pair in pairs]
    words = [word_of(pair[0]) for pair in pairs]
    whole = all(len(pair) == 2 for pair in pairs) and len(set(words)) == len(words)
    if not whole or set(names) != set(GENDER.classes):
        raise DataError(
            f"LABELS={text}: say for each word of the data which label it means, once, "
            "with both labels: LABELS=0=man,1=woman"
        )
    codes = map(GENDER.classes.index, names)
    return Reading(dict(zip(words, codes, strict=True)), chosen=True)


def read_labels(
    values: pd.Series, where: str, reading: Reading = USUAL, whole: pd.Series | None = None
) -> ReadLabels:
    """Read a column of labels.

    A 0 in a column that holds -1 as well is "undefined" (MAAD-Face) and left out, unless the
    user chose otherwise, and so is what the user's reading does not name.

    Args:
        values: The column, without missing values.
        where: File that it is from, for messages.
        reading: Which label each word means.
        whole: The column with the rows that are not asked for, among which a -1 may be.

    Returns:
        The labels, with the index of `values`.

    Raises:
        DataError: A value is not a label; the message names it.

    Example:
        >>> read_labels(pd.Series(["f", "m", "f"], name="sex"), "faces.csv").labels.tolist()
        [0, 1, 0]
    """
    codes, uniques = pd.factorize(values)
    words = [word_of(value) for value in uniques]
    all_words = words if whole is None else [word_of(value) for value in whole.unique()]
    undefined = "0" if has_undefined(all_words) and not reading.chosen else None
    labels = [None if word == undefined else reading.label(word) for word in words]
    unread = [word for word, label in zip(words, labels, strict=True) if label is None]
    unknown = [word for word in unread if word != undefined]
    if unknown and not reading.chosen:
        raise DataError(
            f"{where}: column {str(values.name)!r} holds {', '.join(map(repr, unknown[:3]))}; "
            "labels are 0/1, -1/1, f/m, woman/man, women/men, female/male or false/true, or what "
            "LABELS=<word>=woman,<word>=man says"
        )
    read = pd.array([pd.NA if label is None else label for label in labels], dtype="Int8")
    counts: Counter[str] = Counter()
    for word, count in zip(words, np.bincount(codes).tolist(), strict=True):
        counts[word] += count  # a word may be written in several ways
    column = f"column {str(values.name)!r}"
    why = "undefined, as it stands beside -1" if undefined else "not named in LABELS"
    notes = taken_for(words, reading, column, undefined)
    if unread:
        counts = Counter({word: counts[word] for word in unread})
        notes += [f"left out: {counts.total():,} rows with {in_words(counts)} in {column}: {why}"]
    return ReadLabels(pd.Series(read.take(codes), index=values.index), tuple(notes))


def taken_for(
    words: list[str], reading: Reading, where: str, undefined: str | None = None
) -> list[str]:
    """A remark on what the words mean that do not say it themselves; none if all do.

    Example:
        >>> taken_for(["0", "1"], reading_of("0=man,1=woman"), "folders")
        ['folders: LABELS takes 0 for man, 1 for woman']
        >>> taken_for(["f", "m"], USUAL, "folders")
        []
    """
    read = sorted({(word, reading.label(word)) for word in words if word != undefined})
    unclear = [(w, label) for w, label in read if w in NUMBERS and label is not None]
    if not unclear:
        return []
    meaning = ", ".join(f"{word} for {GENDER.classes[label]}" for word, label in unclear)
    if reading.chosen:
        return [f"{where}: LABELS takes {meaning}"]
    other = ",".join(f"{word}={GENDER.classes[1 - label]}" for word, label in unclear)
    return [f"{where}: {meaning} is assumed; if it is the other way round, give LABELS={other}"]


def has_undefined(words: list[str]) -> bool:
    """Whether 0 and -1 stand in one column, so that 0 means neither yes nor no.

    Example:
        >>> has_undefined(["-1", "0", "1"]), has_undefined(["-1", "1"])
        (True, False)
    """
    return "0" in words and "-1" in words


def in_words(counts: Counter[str]) -> str:
    """The largest counts: ``2 (40), 3 (38) and 5 others``.

    Example:
        >>> in_words(Counter(man=40, woman=38))
        'man (40), woman (38)'
    """
    shown = ", ".join(f"{name} ({count:,})" for name, count in counts.most_common(_SHOWN))
    more = len(counts) - _SHOWN
    return f"{shown} and {more:,} others" if more > 0 else shown


def word_of(value: object) -> str:
    """A value as it is looked up.

    Example:
        >>> word_of(" Women "), word_of(1.0), word_of(True)
        ('women', '1', 'true')
    """
    return str(value).strip().lower().removesuffix(".0")
