"""Training without suspect labels: which codes are left, and how that is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from data import Label
from data.labels import MISSING, class_slices, codes_of, from_table
from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import RunConfig
from tuning.suspects.confident_learning import doubts


def without_suspects(labels: Sequence[Label], codes: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Take suspect labels away; other labels of the same images stay.

    Args:
        labels: The L labels.
        codes: Codes, int [n, L].
        p: Class probabilities from out of sample, float [n, K].

    Returns:
        The codes with `MISSING` in place of those that are suspect, int [n, L].

    Example:
        >>> from data import GENDER
        >>> codes = np.arange(40) % 2
        >>> second = np.where(codes, 0.9, 0.1)
        >>> codes[0] = 1  # a slip
        >>> p = np.stack([1 - second, second], axis=1)
        >>> without_suspects([GENDER], codes[:, None], p)[:3, 0].tolist()
        [-1, 1, 0]
    """
    result = codes.copy()
    for number, at in enumerate(class_slices(labels)):
        result[doubts(codes[:, number], p[:, at]).suspect, number] = MISSING
    return result


def counts_left_out(labels: Sequence[Label], before: np.ndarray, after: np.ndarray) -> str:
    """Say how many labels are left out.

    Args:
        labels: The L labels.
        before: Codes of the training images, int [n, L].
        after: The same from `without_suspects`.

    Example:
        >>> from data import GENDER
        >>> counts_left_out([GENDER], np.array([[0], [1], [-1]]), np.array([[-1], [1], [-1]]))
        'gender 1 of 2'
    """
    known, kept = (before != MISSING).sum(axis=0), (after != MISSING).sum(axis=0)
    return ", ".join(
        f"{label.name} {all_ - left:,} of {all_:,}"
        for label, all_, left in zip(labels, known, kept, strict=True)
    )


def left_out_notices(run: RunFolder, config: RunConfig, backbones: Iterable[str]) -> list[str]:
    """Say what a reader of the figures must know of labels left out, a line each backbone.

    Args:
        run: Folder of the run.
        config: Settings and labels of the run.
        backbones: Names of the backbones that were searched.

    Example:
        >>> from pathlib import Path
        >>> from tuning.runs.settings import Settings
        >>> config = RunConfig(
        ...     settings=Settings(data="faces", backbones=("vgg16",), size=96),
        ...     data={"name": "CelebA", "synthetic": False, "fingerprint": "0a1b"},
        ...     images={"framing": "face", "splits": {}}, weights="imagenet", versions={},
        ... )
        >>> left_out_notices(RunFolder(Path("faces")), config, ["vgg16"])  # all labels were used
        []
    """
    if not config.settings.drop_suspects:
        return []
    return [_notice(run, config, backbone) for backbone in backbones]


def _notice(run: RunFolder, config: RunConfig, backbone: str) -> str:
    train = pd.read_csv(run.study(backbone).out_of_fold)
    before, p = codes_of(train), from_table(config.labels, train)
    counts = counts_left_out(config.labels, before, without_suspects(config.labels, before, p))
    return (
        f"{BACKBONES[backbone].title} was trained without suspect labels (DROP_SUSPECTS): "
        f"{counts}; validation and test images keep all."
    )
