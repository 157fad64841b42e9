"""Names from somebody's data in Markdown, so that they are shown and do nothing."""

import re

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_HARMLESS = frozenset("'(),%+-")
_AS_ENTITY = frozenset("&<>|$`\\")  # HTML, borders of tables, formulas, and what ends an escape


def escape(text: str) -> str:
    r"""Return a text of one line as Markdown that shows it as it is.

    Args:
        text: Text from outside, such as the name of a class.

    Example:
        >>> print(escape("Wearing_Hat"), escape("60+"), escape("<b>|[x](y)"))
        Wearing\_Hat 60+ &#60;b&#62;&#124;\[x\](y)
    """
    return _PUNCTUATION.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in _HARMLESS:
        return character
    return f"&#{ord(character)};" if character in _AS_ENTITY else f"\\{character}"
