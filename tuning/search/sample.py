"""Which images a search works on, where there are more than its time and disk allow."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.labels import codes_of
from data.sampling import nested_order


def sample_rows(manifest: pd.DataFrame, split: str, count: int | None, seed: int) -> np.ndarray:
    """Choose images of a split: a larger sample holds a smaller one, each in proportion.

    Args:
        manifest: Manifest of a run.
        split: Name of the split, "train", "val" or "test".
        count: Number of images, None for all.
        seed: Seed of the choice.

    Returns:
        Rows of the manifest, in order, int64.

    Example:
        >>> manifest = pd.DataFrame({"split": "train", "label": [0] * 6 + [1] * 3})
        >>> rows = sample_rows(manifest, "train", 3, seed=0)
        >>> manifest["label"][rows].tolist()
        [0, 0, 1]
    """
    rows = np.flatnonzero(manifest["split"] == split)
    if count is None or count >= len(rows):
        return rows
    return np.sort(rows[nested_order(codes_of(manifest)[rows], seed)[:count]])
