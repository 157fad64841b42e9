"""Text of tables that a spreadsheet would run as a formula, and how it is kept from it."""

import re

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # ASCII and full width
_NUMBER = re.compile(r"[+-]?[0-9.]+")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may run a text, blanks before it or not.

    Example:
        >>> is_formula(" =1+1"), is_formula("60+")
        (True, False)
    """
    return text.lstrip().startswith(_FORMULA)


def harmless(text: str) -> str:
    """Return a text as a table has it: one that a spreadsheet would run begins with `'`.

    Example:
        >>> harmless("=1+1"), harmless("-1"), harmless("60+")
        ("'=1+1", '-1', '60+')
    """
    return f"'{text}" if is_formula(text) and not _NUMBER.fullmatch(text) else text
