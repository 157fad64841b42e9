from pathlib import Path

import jinja2
import pytest

from tuning.report.rendering import render


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "letters"
    (folder / "templates").mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in ("letter.html.jinja", "letter.md.jinja"):
        (folder / "templates" / name).write_text("{% if name %}\nDear {{ name }}\n{% endif %}\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


def test_html_is_escaped_and_markdown_is_not(package: str) -> None:
    assert render(package, "templates/letter.md.jinja", name="<b>") == "Dear <b>\n"
    assert render(package, "templates/letter.html.jinja", name="<b>") == "Dear &lt;b&gt;\n"


def test_a_missing_value_is_an_error(package: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="name"):
        render(package, "templates/letter.md.jinja")


def test_a_missing_template_is_an_error(package: str) -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        render(package, "templates/none.md.jinja")
