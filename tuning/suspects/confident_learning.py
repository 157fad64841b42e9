"""Whose label contradicts probabilities from out of sample: confident learning by cleanlab.

A label is suspect where another class is as probable as it is, on average, for the images that
carry that class's label: thresholds of each class's own, so that a class of which the model is
never sure gives no more suspects than others. Northcutt, Jiang and Chuang, "Confident learning:
estimating uncertainty in dataset labels", JAIR 2021.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from data.labels import MISSING

_MOST_OF_A_CLASS = 0.5


class Doubts(NamedTuple):
    """What probabilities say of the labels of n images.

    Attributes:
        suggested: Code of the likeliest other class, int [n], `MISSING` where nothing is known.
        doubt: Probability of that class less that of the given one, mapped to 0..1 (1 less the
            normalized margin); NaN where nothing is known.
        suspect: Whether confident learning takes the label for wrong, bool [n].
    """

    suggested: np.ndarray
    doubt: np.ndarray
    suspect: np.ndarray


def doubts(codes: np.ndarray, p: np.ndarray) -> Doubts:
    """Compare the codes of one label with probabilities from out of sample.

    A class of whose images most are suspect has no suspects: then the model does not know the
    class.

    Args:
        codes: Codes, int [n], `MISSING` for none.
        p: Class probabilities, float [n, C], NaN where they are not known.

    Example:
        >>> codes = np.arange(40) % 2
        >>> second = np.where(codes, 0.9, 0.1)
        >>> codes[0] = 1  # a slip
        >>> found = doubts(codes, np.stack([1 - second, second], axis=1))
        >>> np.flatnonzero(found.suspect), found.suggested[0], found.doubt[:2].round(1)
        (array([0]), np.int64(0), array([0.9, 0.1]))
    """
    result = Doubts(
        np.full(len(codes), MISSING), np.full(len(codes), np.nan), np.zeros(len(codes), bool)
    )
    given = np.maximum(codes, 0)
    known = (codes != MISSING) & np.isfinite(p[np.arange(len(codes)), given])
    classes, at = np.unique(codes[known], return_inverse=True)
    if len(classes) < 2:
        return result
    among = np.nan_to_num(p[known][:, classes])
    among /= among.sum(axis=1, keepdims=True)
    others = among.copy()
    others[np.arange(len(at)), at] = -1.0
    result.suggested[known] = classes[others.argmax(axis=1)]
    result.doubt[known] = 1 - get_label_quality_scores(at, among, method="normalized_margin")
    result.suspect[known] = _suspect(at, among)
    return result


def _suspect(codes: np.ndarray, p: np.ndarray) -> np.ndarray:
    # One process: it takes milliseconds, and TensorFlow's does not survive a fork.
    found = np.asarray(find_label_issues(codes, p, filter_by="confident_learning", n_jobs=1))
    for code in range(p.shape[1]):
        of_class = codes == code
        if found[of_class].mean() > _MOST_OF_A_CLASS:
            found[of_class] = False
    return found
