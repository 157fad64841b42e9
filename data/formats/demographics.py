"""Age bands and origin, which UTKFace and FairFace give, as boolean attribute columns."""

import pandas as pd

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


def columns(bands: pd.Series, origins: pd.Series) -> pd.DataFrame:
    """One boolean column a band and an origin: ``Age_20-29``, ``Race_East_Asian``.

    Example:
        >>> columns(pd.Series(["20-29"]), pd.Series(["East Asian"])).columns.tolist()
        ['Age_20-29', 'Race_East_Asian']
    """
    race = origins.str.replace(r"[^0-9A-Za-z]+", "_", regex=True)
    return pd.get_dummies(pd.DataFrame({"Age": bands, "Race": race}), dtype=bool)
