"""How words of tables and folders' names mean classes of a label."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
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
"""Words that do not say themselves which class they mean."""

_NO_AND_YES = ({"0", "-1", "false", "no"}, {"1", "true", "yes"})
_NEGATION = re.compile(r"(no|not|non|without)[^0-9a-z].*")
_SHOWN = 5


@dataclass(frozen=True)
class Reading:
    """Which class each word means.

    Attributes:
        labels: Code of the class of each word, words in lower case.
        classes: Names of the classes.
        chosen: Whether the user gave them (`LABELS=`), so that other words are left out on
            purpose.

    Example:
        >>> USUAL.label(" Men "), USUAL.label(-1.0), USUAL.label("boy")
        (1, 0, None)
        >>> reading_of("0=man, 1=woman").label("0")
        1
    """

    labels: Mapping[str, int]
    classes: tuple[str, ...] = GENDER.classes
    chosen: bool = False

    @property
    def is_gender(self) -> bool:
        """Whether the classes are woman and man."""
        return self.classes == GENDER.classes

    def label(self, value: object) -> int | None:
        """Read a value: the code of its class, None for anything that is of none.

        Case and surrounding blanks are ignored; numbers may be floats.
        """
        return self.labels.get(word_of(value))


USUAL = Reading({word: label for label, words in enumerate(_WORDS) for word in words})
"""How gender is read unless the user says otherwise; 1 is man."""

NO_OR_YES = Reading(
    {word: code for code, words in enumerate(_NO_AND_YES) for word in words}, ("no", "yes")
)
"""How columns are read that say no or yes, or hold only true/false, 0/1 or -1/1."""


@dataclass(frozen=True, eq=False)
class ReadLabels:
    """A column of labels that was read.

    Attributes:
        labels: Codes, Int8, NA in rows that have no class.
        notes: Remarks of one line on how they were read.
        unread: What has no class, in words, as in "2 rows with 0 (2) in column 'sex': …"; empty
            where all have one.

    Example:
        >>> read = read_labels(pd.Series([0, 1], name="sex"), "faces.csv")
        >>> read.labels.tolist()
        [0, 1]
        >>> print(read.notes[0])
        column 'sex': 0 for woman, 1 for man is assumed; if it is the other way round, give ...
    """

    labels: pd.Series
    notes: tuple[str, ...]
    unread: str = ""


def reading_of(text: str) -> Reading:
    """Parse the reading that a user gives.

    Args:
        text: Words and classes, as in ``0=man,1=woman`` or ``0=closed,1=open``, classes in the
            order in which they are named first; nothing for the usual reading.

    Raises:
        DataError: The text is not of this form, has a word twice, or only one class, or woman or
            man and not the other alone.

    Example:
        >>> reading_of("mujer=woman, hombre=man").labels
        {'mujer': 0, 'hombre': 1}
        >>> reading_of("0=closed, 1=Open, 2=open").classes
        ('closed', 'Open')
        >>> reading_of("mujer=woman")
        Traceback (most recent call last):
            ...
        data.manifest.DataError: LABELS=mujer=woman: say for each word of the data ...
    """
    if not text.strip():
        return USUAL
    pairs = [pair.split("=") for pair in text.split(",") if pair.strip()]
    words = [word_of(pair[0]) for pair in pairs]
    names: dict[str, str] = {}
    for pair in pairs:
        names.setdefault(word_of(pair[-1]), pair[-1].strip())
    whole = all(len(pair) == 2 for pair in pairs) and len(set(words)) == len(words)
    of_gender = bool(set(names) & set(GENDER.classes))
    if not whole or len(names) < 2 or (of_gender and set(names) != set(GENDER.classes)):
        raise DataError(
            f"LABELS={text}: say for each word of the data which class it means, once, "
            "with two classes at least: LABELS=0=man,1=woman"
        )
    order = GENDER.classes if of_gender else tuple(names)
    codes = [order.index(word_of(pair[-1])) for pair in pairs]
    classes = order if of_gender else tuple(names.values())
    return Reading(dict(zip(words, codes, strict=True)), classes, chosen=True)


def reading_for(words: Iterable[str]) -> Reading:
    """Choose how to read words of which the user has said nothing.

    What says no or yes, or only true/false, 0/1 or -1/1, has the classes no and yes. Other words
    are classes themselves: numbers by size, a word and its negation ("no_glasses") that one first,
    else by the alphabet. Words that differ by case alone are one class, as the first is written.

    Args:
        words: Words as they are written.

    Example:
        >>> reading_for(["1", "-1"]).classes, reading_for(["glasses", "no_glasses"]).classes
        (('no', 'yes'), ('no_glasses', 'glasses'))
        >>> reading_for(["10", "9.0", "2"]).classes, reading_for(["sad", "Happy"]).classes
        (('2', '9', '10'), ('Happy', 'sad'))
    """
    written = {word_of(word): str(word).strip() for word in reversed([*words])}
    if set(written) <= set(NO_OR_YES.labels):
        return NO_OR_YES
    order = sorted(written, key=_rank)
    if len(order) == 2 and _NEGATION.fullmatch(order[1]) and not _NEGATION.fullmatch(order[0]):
        order.reverse()
    names = tuple(word if _number(word) is not None else written[word] for word in order)
    return Reading({word: code for code, word in enumerate(order)}, names)


def _rank(word: str) -> tuple[float, str]:
    number = _number(word)
    return (np.inf, word) if number is None else (number, word)


def _number(word: str) -> int | None:
    return int(word) if re.fullmatch(r"[+-]?[0-9]{1,18}", word) else None


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
    assumed = reading in (USUAL, NO_OR_YES)
    undefined = "0" if assumed and has_undefined(all_words) else None
    labels = [None if word == undefined else reading.label(word) for word in words]
    unread = [word for word, label in zip(words, labels, strict=True) if label is None]
    unknown = [word for word in unread if word != undefined]
    if unknown and not reading.chosen:  # other readings than of gender are made of the words
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
    without = Counter({word: counts[word] for word in unread})
    what = f"{without.total():,} rows with {in_words(without)} in {column}: {why}" if unread else ""
    return ReadLabels(pd.Series(read.take(codes), index=values.index), tuple(notes), what)


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
    unclear = _unclear(words, reading, undefined)
    if not unclear:
        return []
    meaning = meaning_of(words, reading, undefined)
    if reading.chosen:
        return [f"{where}: LABELS takes {meaning}"]
    other = ",".join(f"{word}={reading.classes[1 - code]}" for word, code in unclear)
    return [f"{where}: {meaning} is assumed; if it is the other way round, give LABELS={other}"]


def meaning_of(words: list[str], reading: Reading, undefined: str | None = None) -> str:
    """What the words mean that do not say it themselves, empty if all do.

    Example:
        >>> meaning_of(["-1", "1"], NO_OR_YES)
        '-1 for no, 1 for yes'
        >>> meaning_of(["f", "m"], USUAL)
        ''
    """
    unclear = _unclear(words, reading, undefined)
    return ", ".join(f"{word} for {reading.classes[code]}" for word, code in unclear)


def _unclear(words: list[str], reading: Reading, undefined: str | None) -> list[tuple[str, int]]:
    read = sorted({(word, reading.label(word)) for word in words if word != undefined})
    known = [(word, code) for word, code in read if word in NUMBERS and code is not None]
    return [(word, code) for word, code in known if word_of(reading.classes[code]) != word]


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
