"""The model card of a bundle, from the files of its run."""

from __future__ import annotations

import pandas as pd

from export import audit, int8_gate
from export.forms import TITLES
from inference.bundle import BundleInfo, Precision
from tuning.report import rendering
from tuning.runs.schema import RunConfig, WinnerFacts


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
    return rendering.render(
        "export",
        "templates/MODEL_CARD.md.jinja",
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
