"""Fills in the packaged templates: report, results, model card, README of a Space."""

from __future__ import annotations

import re
from typing import Any

import jinja2

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~$&])")


def render(package: str, template: str, **context: Any) -> str:
    """Fill in a template that lies in a package.

    What a template uses and does not get is an error. In templates of HTML every value is escaped;
    those of Markdown pass names of users through the filter `in_markdown`.

    Args:
        package: Name of the package, such as "tuning.report".
        template: Path of the template in the package's folder, with slashes; the name ends in
            ".jinja", that of HTML in ".html.jinja".
        context: Values by the names that the template uses.

    Raises:
        jinja2.UndefinedError: The template uses a name that is not in `context`.
        jinja2.TemplateNotFound: The package has no such template.

    Example:
        >>> render("tuning.report", "templates/results.md.jinja")
        Traceback (most recent call last):
            ...
        jinja2.exceptions.UndefinedError: 'config' is undefined
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, package_path=""),
        autoescape=template.endswith(".html.jinja"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["in_markdown"] = in_markdown
    return environment.get_template(template).render(**context)


def in_markdown(text: str) -> str:
    r"""Escape what Markdown or a table in it would take for more than a letter.

    Args:
        text: A name that a user has given.

    Example:
        >>> print(in_markdown("a|b <img> [x](y)"))
        a\|b \<img\> \[x\](y)
    """
    return _MARKDOWN.sub(r"\\\1", text)
