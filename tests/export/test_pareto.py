from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export import pareto
from export.champion import Candidate, Limits

MODELS = [
    Candidate("vgg16", "int8", 0.02, 0.97, latency_ms=12.0, size_mb=15.0),
    Candidate("resnet50", "fp32", 0.04, 0.95, latency_ms=30.0, size_mb=94.0),
]


def colors(path: Path) -> set[str]:
    """Which of the plot's colors are in it."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    red, green, blue = (pixels[..., channel] for channel in range(3))
    found = {
        "gold": (red > 240) & (green > 200) & (blue < 30),
        "red": (red > 200) & (green < 80) & (blue < 80),
        "blue": (blue - red > 80) & (blue > 180),
    }
    return {name for name, where in found.items() if where.any()}


@pytest.mark.parametrize(
    ("champion", "limits", "shown"),
    [
        (MODELS[0], Limits(), {"gold", "blue"}),
        (None, Limits(max_latency_ms=9), {"red", "blue"}),
        (None, Limits(min_accuracy=0.98), {"red", "blue"}),
    ],
)
def test_champion_front_and_limits_are_drawn(
    champion: Candidate | None, limits: Limits, shown: set[str], tmp_path: Path
) -> None:
    pareto.plot(MODELS, champion, limits, tmp_path / "pareto.png")
    assert colors(tmp_path / "pareto.png") == shown
