"""Small state files, written so that a reader sees the old or the new content, never half."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Replace a file's content at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file's content at once."""
    write_text(path, json.dumps(content, indent=1))


def read_json(path: Path) -> Any:
    """A JSON file's content; None when it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
