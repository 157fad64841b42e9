"""The model card of a bundle, from the files of its run."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pandas as pd

from export import audit, int8_gate
from export.forms import TITLES
from inference.bundle import BundleInfo, Precision
from tuning.runs.schema import RunConfig, WinnerFacts

_TEMPLATE = Path(__file__).with_name("templates") / "MODEL_CARD.md.jinja"


def render(
    info: BundleInfo,
    facts: WinnerFacts,
    config: RunConfig,
    groups: pd.DataFrame,
    served: Precision,
) -> str:
    """Write the card as Markdown.

    Args:
        info: Facts of the bundle, with its formats.
        facts: Facts of the winner, from the run.
        config: Settings, data and versions of the run.
        groups: Table of `export.audit.audit`, on the precision that is served.
        served: Precision that is served.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        info=info,
        facts=facts,
        config=config,
        origin=_origin(info, config.settings.weights),
        served=served,
        groups=groups.to_dict("records"),
        known_identities=bool(len(groups)) and (groups["identities"] < groups["images"]).any(),
        minimum=audit.MINIMUM,
        titles=TITLES,
        max_lost=100 * int8_gate.MAX_ACCURACY_LOST,
        max_changed=100 * int8_gate.MAX_CHANGED,
    )


def _origin(info: BundleInfo, chosen: str) -> str:
    """Where the weights came from, in words."""
    if info.weights.source == "none":
        return "random weights"
    source = f"`{info.weights.source}`, fingerprint `{info.weights.fingerprint[:16]}`"
    if chosen == "imagenet":
        return f"weights pretrained on ImageNet ({source})"
    return f"pretrained weights in a local folder ({source})"
