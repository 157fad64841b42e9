"""Gender, age and origin, which UTKFace and FairFace give, as labels and attribute columns."""

import numpy as np
import pandas as pd

from data.ages import AgeGroups, age_groups
from data.labels import AGES, GENDER, MISSING
from data.offers import Chosen, Offer, gender_attribute
from data.reading import reading_for

AGE_BANDS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+")
"""FairFace's bands, in years."""

_EDGES = (-1, 2, 9, 19, 29, 39, 49, 59, 69, float("inf"))


def age_band(years: pd.Series) -> pd.Series:
    """The band (one of `AGE_BANDS`) of each age in years.

    Example:
        >>> age_band(pd.Series([1, 25, 80])).tolist()
        ['0-2', '20-29', '70+']
    """
    return pd.cut(years, _EDGES, labels=AGE_BANDS).astype("str")


def attributes(
    bands: pd.Series, origins: pd.Series, offers: list[Offer], chosen: Chosen
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One boolean column a band and an origin, ``Age_20-29``, ``Race_East_Asian``, and `Male`.

    What is learned is not among them.

    Args:
        bands: Age band of each of N images.
        origins: Origin of each.
        offers: What the data set offers, see `offers_of`.
        chosen: What is learned of it.

    Returns:
        Bool [N, A], index 0..N-1, and remarks on what is left out.

    Example:
        >>> origin = origin_of(pd.Series(["East Asian"] * 3 + ["White"] * 3))
        >>> bands, origins = pd.Series(["20-29"] * 6), pd.Series(["White"] * 6)
        >>> attributes(bands, origins, [origin], Chosen((origin,)))[0].columns.tolist()
        ['Age_20-29']
    """
    race = origins.str.replace(r"[^0-9A-Za-z]+", "_", regex=True)
    facts = pd.DataFrame({"Age": bands, "Race": race}).reset_index(drop=True)
    learned = [name for name in facts if str(name).lower() in chosen.columns]
    male, notes = gender_attribute(offers, chosen)
    others = facts.drop(columns=learned)
    if others.empty:  # of which pandas makes no dummies
        return male, notes
    return male.join(pd.get_dummies(others, dtype=bool)), notes


def age_in_years(years: pd.Series, ages: AgeGroups) -> Offer:
    """The label "age" of ages in years.

    Example:
        >>> age_in_years(pd.Series([1, 25, 80]), age_groups()).codes.tolist()
        [0, 2, 4]
    """
    codes = ages.codes(years)
    outside = int((codes == MISSING).sum())
    return Offer(
        name="age",
        classes=ages.names,
        codes=codes.astype(np.int8),
        column="age",
        unread=f"{outside:,} images with an age in no group of AGES" if outside else "",
        meaning="years",
    )


def age_in_bands(bands: pd.Series, ages: AgeGroups) -> Offer:
    """The label "age" of FairFace's bands, in the groups that are asked for if the bands fit them.

    Bands that do not fit the usual groups are classes themselves; those that do not fit others
    make it a label that cannot be learned.

    Example:
        >>> age_in_bands(pd.Series(["3-9", "70+"]), age_groups("0-19,20+")).codes.tolist()
        [0, 1]
        >>> age_in_bands(pd.Series(["3-9", "70+"]), age_groups()).codes.tolist()
        [1, 8]
    """
    own = age_groups(",".join(AGE_BANDS))
    groups = dict(zip(own.names, ages.holding(own), strict=True))
    unfit = [band for band in own.names if groups[band] is None]
    note: tuple[str, ...] = ()
    fault = ""
    if ages == age_groups(AGES):
        groups, ages = {band: code for code, band in enumerate(own.names)}, own
        note = (f"age is learned in FairFace's own bands, for they do not fit {AGES}",)
    elif unfit:
        asked = ",".join(ages.names)
        fault = (
            f"FairFace's bands {', '.join(unfit)} do not fit AGES={asked}: begin groups where "
            f"bands begin ({', '.join(own.names)})"
        )
    codes = bands.map(groups).fillna(MISSING).to_numpy(np.int8)
    return Offer("age", ages.names, codes, column="age", notes=note, meaning="years", fault=fault)


def origin_of(origins: pd.Series) -> Offer:
    """The label "race", as annotators assumed it, of words; NA where there is none.

    Example:
        >>> origin_of(pd.Series(["White", "Black", None])).codes.tolist()
        [1, 0, -1]
    """
    reading = reading_for(sorted(origins.dropna().unique()))
    codes = origins.map(reading.label, na_action="ignore").fillna(MISSING).to_numpy(np.int8)
    return Offer("race", reading.classes, codes, column="race")


def gender_of(codes: pd.Series, meaning: str = "") -> Offer:
    """The label gender of codes, NA where it is not known.

    Example:
        >>> gender_of(pd.Series([0, 1])).counts.tolist()
        [1, 1]
    """
    return Offer(
        name=GENDER.name,
        classes=GENDER.classes,
        codes=codes.fillna(MISSING).to_numpy(np.int8),
        also=("Male",),
        column=GENDER.name,
        meaning=meaning,
    )
