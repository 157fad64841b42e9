"""The two labels, and the many ways in which tables and folders write them."""

import pandas as pd

from data.manifest import DataError

LABELS = ("woman", "man")
"""Label names; the index is the label. They are what annotators perceived in the image."""

_WORDS = (
    {"woman", "women", "female", "females", "f", "0", "-1", "false"},
    {"man", "men", "male", "males", "m", "1", "true"},
)
_LABEL_OF = {word: label for label, words in enumerate(_WORDS) for word in words}


def parse_label(value: object) -> int | None:
    """0 for woman, 1 for man, None for anything that is neither.

    Case and surrounding blanks are ignored; numbers may be floats: ``parse_label(" Men ") == 1``,
    ``parse_label(-1.0) == 0``.
    """
    return _LABEL_OF.get(str(value).strip().lower().removesuffix(".0"))


def parse_labels(values: pd.Series, where: str) -> pd.Series:
    """Labels (int8, same index) of a column without missing values.

    Raises:
        DataError: a value is not a label; the message begins with `where` and names the value.
    """
    codes, uniques = pd.factorize(values)
    labels = [parse_label(value) for value in uniques]
    unknown = [str(value) for value, label in zip(uniques, labels, strict=True) if label is None]
    if unknown:
        shown = ", ".join(repr(value) for value in unknown[:3])
        raise DataError(
            f"{where}: column {str(values.name)!r} holds {shown}; labels are "
            "0/1, -1/1, f/m, woman/man, women/men, female/male or false/true"
        )
    return pd.Series(labels, dtype="int8").take(codes).set_axis(values.index)
