"""Which labels of training images a study doubts, and which it trains without."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.labels import codes_of, from_table
from tuning.runs.schema import SearchImages
from tuning.runs.study_folder import StudyFolder
from tuning.search.context import SearchContext
from tuning.search.engine import Hands
from tuning.search.steps import Steps
from tuning.suspects.cross_validation import training_predictions
from tuning.suspects.left_out import counts_left_out, without_suspects


def cross_validate(
    context: SearchContext, study: StudyFolder, hands: Hands, images: SearchImages | None = None
) -> pd.DataFrame:
    """Keep predictions for training images of a search, by which their labels are doubted.

    Args:
        context: Run, data and settings.
        study: Folder of the study.
        hands: Whoever works on the steps of the search.
        images: Images of the search, None for all; labels of others are not doubted.

    Returns:
        The predictions, see `tuning.suspects.cross_validation.training_predictions`.
    """
    manifest = context.store.manifest
    return training_predictions(
        study.out_of_fold,
        context.labels,
        manifest.loc[context.images("train", images.train if images else None).rows],
        lambda: hands.submit(Steps.out_of_fold, images).result(),
    )


def training_codes(
    context: SearchContext, study: StudyFolder, hands: Hands, images: SearchImages | None = None
) -> np.ndarray | None:
    """Return the codes to train on where suspect labels are left out, and say how many are.

    Args:
        context: Run, data and settings.
        study: Folder of the study.
        hands: Whoever works on the steps of the search.
        images: Images of the search, None for all.

    Returns:
        Codes of all training images, int [N, L]; None to train on all labels.
    """
    if not context.settings.drop_suspects:
        return None
    predictions = cross_validate(context, study, hands, images)
    before, p = codes_of(predictions), from_table(context.labels, predictions)
    codes = without_suspects(context.labels, before, p)
    counts = counts_left_out(context.labels, before, codes)
    context.progress.say(f"  suspect training labels are left out: {counts}")
    every = context.images("train").rows
    result = codes_of(context.store.manifest)[every]
    result[np.isin(every, predictions["row"])] = codes
    return result
