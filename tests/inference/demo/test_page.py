"""The page before it is served."""

from pathlib import Path

import gradio as gr
import pytest

from inference.demo.guards.uploads import Uploads
from inference.demo.page import build_page
from inference.served.models import ServedModels


def test_the_page_deletes_uploads_asks_nobody_and_fetches_nothing(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setenv("SPACE_ID", "me/faces")
    (tmp_path / "examples").mkdir()
    served = ServedModels.read(models)
    page = build_page(served, tmp_path / "examples", Uploads(tmp_path / "uploads"))
    assert page.delete_cache == (30, 300)
    assert not page.analytics_enabled and page.space_id is None
    tabs = [block.label for block in page.blocks.values() if isinstance(block, gr.Tab)]
    assert tabs == ["Photo", "Batch", "Compare", "About"]
