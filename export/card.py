"""The model card of a bundle, from the files of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from inference.bundle import BundleInfo

_TEMPLATE = Path(__file__).with_name("MODEL_CARD.md.jinja")


def render(
    info: BundleInfo, facts: dict[str, Any], config: dict[str, Any], groups: pd.DataFrame
) -> str:
    """Markdown for a bundle.

    Args:
        info: the bundle's facts, with its formats.
        facts: the winner's, from the run.
        config: the run's `config.json`.
        groups: the table of `export.audit.audit`.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(info=info, facts=facts, config=config, groups=groups.to_dict("records"))
