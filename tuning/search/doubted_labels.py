"""Which labels of training images a study doubts, and which it trains without."""

from __future__ import annotations

import numpy as np

from data.labels import codes_of, from_table
from tuning.runs.schema import SearchImages
from tuning.runs.study_folder import StudyFolder
from tuning.search.context import SearchContext
from tuning.suspects.left_out import counts_left_out, without_suspects
from tuning.suspects.out_of_fold import keep_predictions, read_predictions


def keep(context: SearchContext, study: StudyFolder, images: SearchImages, p: np.ndarray) -> None:
    """Keep predictions for training images, by which their labels are doubted.

    Those of more images replace those of fewer; else the first ones stay, so that all sessions of a
    run leave out the same labels.

    Args:
        context: Run, data and settings.
        study: Folder of the study.
        images: Images of the search.
        p: Class probabilities of the training images out of fold, float64 [n, K].

    Raises:
        OSError: They cannot be written.
    """
    rows = context.images("train", images.train).rows
    kept = read_predictions(study.out_of_fold, context.labels)
    if kept is None or len(kept) < len(rows):
        manifest = context.store.manifest.loc[rows]
        keep_predictions(study.out_of_fold, context.labels, manifest, p)


def training_codes(context: SearchContext, study: StudyFolder) -> np.ndarray | None:
    """Return the codes to train on where suspect labels are left out, and say how many are.

    Args:
        context: Run, data and settings.
        study: Folder of the study; labels of images without predictions are not doubted.

    Returns:
        Codes of all training images, int [N, L]; None to train on all labels.
    """
    predictions = read_predictions(study.out_of_fold, context.labels)
    if predictions is None or not context.settings.drop_suspects:
        return None
    before, p = codes_of(predictions), from_table(context.labels, predictions)
    codes = without_suspects(context.labels, before, p)
    counts = counts_left_out(context.labels, before, codes)
    context.progress.say(f"  suspect training labels are left out: {counts}")
    every = context.images("train").rows
    result = codes_of(context.store.manifest)[every]
    result[np.isin(every, predictions["row"])] = codes
    return result
