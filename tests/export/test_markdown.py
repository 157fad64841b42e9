from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from export.markdown import escape

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40)


@given(NAMES.filter(lambda text: text == text.strip() and text.isprintable()))
def test_any_name_is_shown_as_it_is(name: str) -> None:
    for html in (True, False):
        parser = MarkdownIt("commonmark", {"html": html, "linkify": False}).enable("table")
        inside = parser.parse(f"A class, {escape(name)}, of a label.")[1]
        assert [child.type for child in inside.children or []] == ["text"]
        assert (inside.children or [])[0].content == f"A class, {name}, of a label."


@given(NAMES.filter(lambda text: text == text.strip() and text.isprintable()))
def test_any_name_stays_in_its_cell(name: str) -> None:
    table = f"| a | b |\n|---|---|\n| {escape(name)} | 1 |\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    cells = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 2 and cells[1] == "1"


def test_links_scripts_and_formulas_are_not_made() -> None:
    for name in (
        "<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://a/b.png)", "$$x$$",
        "www.example.org", "https://example.org", "a@example.org", "`code`", "**bold**", "_it_",
        "&lt;", "\\|", "#1", "~~no~~",
    ):  # fmt: skip
        escaped = escape(name)
        assert not set("<>`$") & set(escaped)
        for plain in ("www.", "://", "@", "](", "**", "~~"):
            assert plain not in escaped.replace("\\" + plain[0], "")
