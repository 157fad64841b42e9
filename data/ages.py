"""Ages in years as classes: the groups of `AGES=`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from data.labels import AGES, MAX_CLASSES, MISSING
from data.manifest import DataError

OLDEST = 130
"""Larger numbers are no ages in years."""

_GROUP = re.compile(r"(\d{1,3})(?:-(\d{1,3})|\+)", re.ASCII)


@dataclass(frozen=True)
class AgeGroups:
    """Groups of ages without gaps between them, the youngest first.

    Attributes:
        names: Names of the G groups, such as "0-12" and "60+".
        starts: First year of each group and, behind them, the first that is in none; infinite
            where the last group is open ("60+").

    Example:
        >>> groups = age_groups("0-17,18+")
        >>> groups.names, groups.starts
        (('0-17', '18+'), (0, 18, inf))
    """

    names: tuple[str, ...]
    starts: tuple[float, ...]

    def codes(self, years: pd.Series | np.ndarray | Sequence[float]) -> np.ndarray:
        """Put ages into groups.

        Args:
            years: N ages in years, missing ones NaN; the years begun count, 12.9 is 12.

        Returns:
            int64 [N], `MISSING` where an age is missing or in no group.

        Example:
            >>> age_groups("0-17,18+").codes([17.9, 18, -1, float("nan")]).tolist()
            [0, 1, -1, -1]
        """
        ages = np.asarray(years, dtype=np.float64)
        within = (ages >= self.starts[0]) & (ages < min(self.starts[-1], OLDEST + 1))
        return np.where(within, np.searchsorted(self.starts, ages, "right") - 1, MISSING)

    def holding(self, bands: "AgeGroups") -> tuple[int | None, ...]:
        """Say in which group each of other, narrower groups lies.

        Args:
            bands: The B narrower groups.

        Returns:
            B codes, None for a band that no group holds as a whole.

        Example:
            >>> age_groups("0-12,13+").holding(age_groups("0-9,10-19,20+"))
            (0, None, 1)
        """
        return tuple(
            next(
                (code for code, (low, high) in enumerate(pairwise(self.starts))
                 if low <= first and last <= high),
                None,
            )
            for first, last in pairwise(bands.starts)
        )  # fmt: skip


def age_groups(text: str = AGES) -> AgeGroups:
    """Parse groups of ages.

    Args:
        text: Groups, youngest first, each beginning where the one before ends: ``0-12,13-19,20+``.
            The last may be open. Ages that are in none have no class.

    Raises:
        DataError: A group is not of this form, they overlap, leave a gap or are out of order, or
            there are less than two.

    Example:
        >>> age_groups("0-17, 18-64, 65+").names
        ('0-17', '18-64', '65+')
        >>> age_groups("0-17,19+")
        Traceback (most recent call last):
            ...
        data.manifest.DataError: AGES=0-17,19+: '19+' leaves a gap behind '0-17': begin it at 18
    """
    words = [word.strip() for word in text.split(",")]
    matches = [_GROUP.fullmatch(word) for word in words]
    for word, match in zip(words, matches, strict=True):
        if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
            raise _wrong(text, f"{word!r} is no group of ages, as 13-19 or 60+ are")
    found = [match for match in matches if match]
    if not 2 <= len(found) <= MAX_CLASSES:
        raise _wrong(text, f"{len(found):,} groups, but 2 to {MAX_CLASSES} can be learned")
    starts = [int(match[1]) for match in found]
    ends = [np.inf if match[2] is None else int(match[2]) + 1 for match in found]
    for place, (end, start) in enumerate(zip(ends, starts[1:], strict=False)):
        if end == start:
            continue
        what = "leaves a gap behind" if start > end else "overlaps or comes after"
        then = "" if end == np.inf else f": begin it at {end}"
        raise _wrong(text, f"{words[place + 1]!r} {what} {words[place]!r}{then}")
    if max(starts) > OLDEST:
        raise _wrong(text, f"no age is above {OLDEST} years")
    return AgeGroups(tuple(match[0] for match in found), (*starts, ends[-1]))


def _wrong(text: str, what: str) -> DataError:
    return DataError(f"AGES={text}: {what}")
