"""Fills in the packaged templates: report, results, model card, README of a Space."""

from __future__ import annotations

from typing import Any

import jinja2


def render(package: str, template: str, **context: Any) -> str:
    """Fill in a template that lies in a package.

    What a template uses and does not get is an error. In templates of HTML every value is escaped.

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
        jinja2.exceptions.UndefinedError: 'winners' is undefined
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, package_path=""),
        autoescape=template.endswith(".html.jinja"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**context)
