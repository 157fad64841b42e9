from pathlib import Path

import pytest

from benchmarks.per_image import page_tables, per_image
from tuning.backbones.registry import BACKBONES

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


def test_the_page_has_the_tables_of_this_registry() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(table in page for table in page_tables()), "put `growth --tables` into it"


@pytest.mark.parametrize("name", BACKBONES)
def test_operations_are_the_registrys(name: str) -> None:
    gmacs = per_image(name, 224).gmacs
    assert gmacs[max(gmacs)] == pytest.approx(BACKBONES[name].gmacs, rel=0.02)
