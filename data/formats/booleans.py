"""Attribute columns: what holds only true/false, 0/1 or -1/1."""

import pandas as pd

from data.reading import NO_OR_YES, has_undefined, word_of

_BOOLEANS = {"true", "false", "0", "1", "-1"}
_SHOWN = 5


def booleans(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The columns of `table` that are attributes, as bool, and a remark on those left out.

    A column with 0 beside -1 (undefined, in MAAD-Face) does not divide the images in two.

    Example:
        >>> table = pd.DataFrame({"Hat": [-1, 1], "Age": [20, 31], "Unsure": [0, -1]})
        >>> columns, notes = booleans(table)
        >>> columns.to_dict("list")
        {'Hat': [False, True]}
        >>> notes
        ('1 attributes are left out, for they are undefined (0) in some rows: Unsure',)
    """
    words = {name: [word_of(value) for value in table[name].unique()] for name in table}
    boolean = [name for name in table if words[name] and set(words[name]) <= _BOOLEANS]
    undefined = [str(name) for name in boolean if has_undefined(words[name])]
    columns = {
        str(name): table[name].isin([word for word in table[name].unique() if _is_yes(word)])
        for name in boolean
        if name not in undefined
    }
    if not undefined:
        return pd.DataFrame(columns, index=table.index), ()
    shown = ", ".join(undefined[:_SHOWN]) + (", …" if len(undefined) > _SHOWN else "")
    note = f"{len(undefined):,} attributes are left out, for they are undefined (0) in some rows"
    return pd.DataFrame(columns, index=table.index), (f"{note}: {shown}",)


def _is_yes(value: object) -> bool:
    return NO_OR_YES.label(value) == 1
